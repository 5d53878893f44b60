import { IMAGE_STATES } from './permission.ts'

/**
 * What is known of an image, under one name each: Repoman's where Repoman has it. The other systems' names are aliases,
 * and every place that takes a field takes them: bodies of requests, queries, the command line.
 */

/**
 * `words` is a list, comma-separated as text; `bytes` and `count` are whole numbers; `time` is in milliseconds since
 * the epoch here and in the forms of `parseTime` outside; `enum` has `values`.
 */
export type MetadataType = 'text' | 'words' | 'enum' | 'flag' | 'count' | 'bytes' | 'time'

/** Where the value is kept. `version` is the newest version of the image; `none` is made from other fields. */
export type MetadataPlace =
  | { readonly table: 'images' | 'version' | 'owner'; readonly column: string }
  | { readonly table: 'acl' | 'property' | 'none'; readonly column?: undefined }

export interface MetadataField {
  readonly name: string
  /** FutureGrid's and VISOR's names, and spellings that people try. */
  readonly aliases: readonly string[]
  readonly type: MetadataType
  /** Of an enum: everything that it can be. */
  readonly values?: readonly string[]
  /** What the owner may set it to, where that is less than `values`. */
  readonly settable?: readonly string[]
  readonly setBy: 'owner' | 'tracker'
  readonly place: MetadataPlace
  readonly about: string
}

type FieldInit = Omit<MetadataField, 'name' | 'type' | 'aliases' | 'setBy'> &
  Partial<Pick<MetadataField, 'aliases'>>

function field<T extends MetadataType, N extends string>(type: T, name: N, init: FieldInit) {
  return { aliases: [], ...init, type, name }
}

const images = (column: string) => ({ table: 'images', column }) as const
const version = (column: string) => ({ table: 'version', column }) as const
const acl = { table: 'acl' } as const
const property = { table: 'property' } as const
const none = { table: 'none' } as const

/** FutureGrid's vmType knows these; others are welcome under `hypervisor`. */
export const VM_TYPES = ['none', 'xen', 'kvm', 'virtualbox', 'vmware'] as const
export const DEFAULT_HYPERVISOR = 'xen'
const IMAGE_TYPES = [
  'machine',
  'kernel',
  'ramdisk',
  'eucalyptus',
  'nimbus',
  'opennebula',
  'openstack',
] as const
const FORMATS = ['iso', 'vhd', 'vdi', 'vmdk', 'ami', 'aki', 'ari', 'raw', 'qcow2', 'vhdx'] as const
const ACCESS = ['public', 'private'] as const

/** Set by the owner, each a column, an owner or an entry of the ACL. */
const OWNERS = [
  field('text', 'name', {
    place: images('name'),
    about: 'name within the namespace; setting it renames the image',
  }),
  field('text', 'namespace', {
    place: images('namespace'),
    aliases: ['user_name'],
    about: 'whose image it is called: `namespace/name`',
  }),
  field('text', 'owner', {
    place: { table: 'owner', column: 'name' },
    aliases: ['owner_user_name'],
    about: 'name of the user who made it, or was given it',
  }),
  field('text', 'description', { place: images('description'), about: 'what it is for' }),
  field('text', 'os_variant', {
    place: images('os_variant'),
    aliases: ['os'],
    about: 'operating system: `Debian 12`',
  }),
  field('text', 'os_type', { place: images('os_type'), about: 'its family: `linux`' }),
  field('text', 'os_arch', {
    place: images('os_arch'),
    aliases: ['arch', 'architecture'],
    about: 'processor: `x86_64`',
  }),
  field('words', 'hypervisor', {
    place: images('hypervisor'),
    aliases: ['vmType'],
    about: `where it runs: any words, under vmType only ${VM_TYPES.join(' ')}; ${DEFAULT_HYPERVISOR} when nothing is said`,
  }),
  field('enum', 'image_type', {
    place: images('image_type'),
    aliases: ['imgType', 'type'],
    values: IMAGE_TYPES,
    about: 'what it is, or for which cloud',
  }),
  field('enum', 'format', {
    place: images('format'),
    aliases: ['disk_format'],
    values: FORMATS,
    about: 'form of its bytes',
  }),
  field('text', 'kernel', {
    place: images('kernel'),
    aliases: ['kernel_id'],
    about: 'image of the kernel that it boots with',
  }),
  field('text', 'ramdisk', {
    place: images('ramdisk'),
    aliases: ['ramdisk_id'],
    about: 'image of the RAM disk that it boots with',
  }),
  field('words', 'keywords', {
    place: images('keywords'),
    aliases: ['tag'],
    about: 'free words to find it by',
  }),
  field('time', 'expires', {
    place: images('expires_at'),
    aliases: ['expires_at'],
    about: 'when it stops being given to anybody but its owner and admins; empty: never',
  }),
  field('flag', 'read_only', {
    place: images('read_only'),
    about: 'no new versions, no removal, until it is unset',
  }),
  field('flag', 'unauthenticated_access', {
    place: acl,
    about: 'everybody may read it, without a certificate',
  }),
  field('enum', 'access', {
    place: acl,
    aliases: ['permission'],
    values: ACCESS,
    about: 'public: every user may read it',
  }),
  field('enum', 'state', {
    place: images('state'),
    aliases: ['imgStatus', 'status'],
    values: IMAGE_STATES,
    settable: ['available', 'locked'],
    about: 'locked without bytes, uploading, available, error; the owner may lock and unlock what has bytes',
  }),
] as const

/** Set by the owner, and kept like free pairs. */
const OWNERS_PAIRS = [
  field('text', 'store', { place: property, about: 'where its bytes are to be kept' }),
  field('text', 'location', { place: property, about: 'where its bytes came from' }),
] as const

const TRACKERS = [
  field('text', 'uuid', {
    place: images('uuid'),
    aliases: ['imgId', '_id', 'id'],
    about: 'never changes, whatever it is called',
  }),
  field('text', 'uri', {
    place: none,
    aliases: ['imgURI', 'file_url', 'raw_file_url'],
    about: 'where its bytes are',
  }),
  field('text', 'http_file_url', {
    place: none,
    about: 'where everybody finds its bytes, without a certificate',
  }),
  field('time', 'created', {
    place: images('created_at'),
    aliases: ['createdDate', 'created_at'],
    about: 'when the slot was made',
  }),
  field('time', 'modified', {
    place: images('modified_at'),
    aliases: ['updated_at', 'modified_at'],
    about: 'last change of metadata or bytes',
  }),
  field('time', 'uploaded', {
    place: images('uploaded_at'),
    aliases: ['uploaded_at'],
    about: 'when its bytes last came',
  }),
  field('time', 'accessed', {
    place: images('accessed_at'),
    aliases: ['lastAccess', 'accessed_at'],
    about: 'when its bytes were last asked for',
  }),
  field('count', 'access_count', {
    place: images('access_count'),
    aliases: ['accessCount'],
    about: 'how often its bytes were asked for',
  }),
  field('flag', 'raw_file_uploaded', { place: none, about: 'whether it has bytes' }),
  field('count', 'version', { place: version('version'), about: 'its newest version' }),
  field('bytes', 'size', { place: version('size'), aliases: ['size_bytes'], about: 'of the newest version' }),
  field('bytes', 'content_bytes', {
    place: version('content_bytes'),
    about: 'of the newest version without its zero pages: what counts against quotas',
  }),
  field('text', 'checksum', {
    place: version('sha256'),
    aliases: ['sha256'],
    about: 'sha-256 of the newest version, hex',
  }),
  field('text', 'manifest', {
    place: version('manifest'),
    about: 'CID of the manifest of the newest version',
  }),
] as const

export type FieldName = (typeof OWNERS | typeof OWNERS_PAIRS | typeof TRACKERS)[number]['name']

interface ValueOfType {
  readonly text: string
  /** Comma-separated. */
  readonly words: string
  readonly enum: string
  readonly flag: boolean
  readonly count: number
  readonly bytes: number
  /** Milliseconds since the epoch; null: never. */
  readonly time: number | null
}

type OwnerField = (typeof OWNERS)[number]
/** Values that an owner gives, checked. Only what was given is there; texts that were cleared are empty. */
export type GivenFields = {
  readonly [Name in OwnerField['name']]?: ValueOfType[Extract<OwnerField, { name: Name }>['type']]
}

/** Every field, in the order in which they are shown. */
export const METADATA_FIELDS: readonly (MetadataField & { readonly name: FieldName })[] = [
  ...[...OWNERS, ...OWNERS_PAIRS].map((one) => ({ ...one, setBy: 'owner' as const })),
  ...TRACKERS.map((one) => ({ ...one, setBy: 'tracker' as const })),
]

const BY_NAME: ReadonlyMap<string, (typeof METADATA_FIELDS)[number]> = new Map(
  METADATA_FIELDS.flatMap((field) =>
    [field.name, ...field.aliases].map((name) => [name.toLowerCase(), field] as const),
  ),
)

/** The field with this name or alias, in upper or lower case; undefined when there is none. */
export function fieldNamed(name: string): (typeof METADATA_FIELDS)[number] | undefined {
  return BY_NAME.get(name.toLowerCase())
}

/** What stands before the key of a free property: `property.colour`. */
export const PROPERTY_PREFIX = 'property.'
const PROPERTY_KEY = /^[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}$/

/** The free property that a name stands for, with or without the prefix; undefined when it can be none. */
export function propertyKey(name: string): string | undefined {
  const key = name.startsWith(PROPERTY_PREFIX) ? name.slice(PROPERTY_PREFIX.length) : name
  return PROPERTY_KEY.test(key) ? key : undefined
}
