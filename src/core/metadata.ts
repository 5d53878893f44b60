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
  | { readonly table: 'acl' | 'property' | 'none' }

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

const OWNERS = [
  {
    ...{ name: 'name', aliases: [], type: 'text', place: images('name') },
    about: 'name within the namespace; setting it renames the image',
  },
  {
    ...{ name: 'namespace', aliases: ['user_name'], type: 'text', place: images('namespace') },
    about: 'whose image it is called: `namespace/name`',
  },
  {
    ...{
      name: 'owner',
      aliases: ['owner_user_name'],
      type: 'text',
      place: { table: 'owner', column: 'name' },
    },
    about: 'name of the user who made it, or was given it',
  },
  {
    ...{ name: 'description', aliases: [], type: 'text', place: images('description') },
    about: 'what it is for',
  },
  {
    ...{ name: 'os_variant', aliases: ['os'], type: 'text', place: images('os_variant') },
    about: 'operating system: `Debian 12`',
  },
  {
    ...{ name: 'os_type', aliases: [], type: 'text', place: images('os_type') },
    about: 'its family: `linux`',
  },
  {
    ...{ name: 'os_arch', aliases: ['arch', 'architecture'], type: 'text', place: images('os_arch') },
    about: 'processor: `x86_64`',
  },
  {
    ...{ name: 'hypervisor', aliases: ['vmType'], type: 'words', place: images('hypervisor') },
    about: `where it runs: any words, under vmType only ${VM_TYPES.join(' ')}; ${DEFAULT_HYPERVISOR} when nothing is said`,
  },
  {
    ...{ name: 'image_type', aliases: ['imgType', 'type'], type: 'enum', values: IMAGE_TYPES },
    ...{ place: images('image_type'), about: 'what it is, or for which cloud' },
  },
  {
    ...{ name: 'format', aliases: ['disk_format'], type: 'enum', values: FORMATS, place: images('format') },
    about: 'form of its bytes',
  },
  {
    ...{ name: 'kernel', aliases: ['kernel_id'], type: 'text', place: images('kernel') },
    about: 'image of the kernel that it boots with',
  },
  {
    ...{ name: 'ramdisk', aliases: ['ramdisk_id'], type: 'text', place: images('ramdisk') },
    about: 'image of the RAM disk that it boots with',
  },
  {
    ...{ name: 'keywords', aliases: ['tag'], type: 'words', place: images('keywords') },
    about: 'free words to find it by',
  },
  {
    ...{ name: 'expires', aliases: ['expires_at'], type: 'time', place: images('expires_at') },
    about: 'when it stops being given to anybody but its owner and admins; empty: never',
  },
  {
    ...{ name: 'read_only', aliases: [], type: 'flag', place: images('read_only') },
    about: 'no new versions, no removal, until it is unset',
  },
  {
    ...{ name: 'unauthenticated_access', aliases: [], type: 'flag', place: acl },
    about: 'everybody may read it, without a certificate',
  },
  {
    ...{ name: 'access', aliases: ['permission'], type: 'enum', values: ACCESS, place: acl },
    about: 'public: every user may read it',
  },
  {
    ...{ name: 'state', aliases: ['imgStatus', 'status'], type: 'enum', values: IMAGE_STATES },
    ...{ settable: ['available', 'locked'], place: images('state') },
    about: 'locked without bytes, uploading, available, error; the owner may lock and unlock what has bytes',
  },
  {
    ...{ name: 'store', aliases: [], type: 'text', place: property },
    about: 'where its bytes are to be kept',
  },
  {
    ...{ name: 'location', aliases: [], type: 'text', place: property },
    about: 'where its bytes came from',
  },
] as const satisfies readonly Omit<MetadataField, 'setBy'>[]

const TRACKERS = [
  {
    ...{ name: 'uuid', aliases: ['imgId', '_id', 'id'], type: 'text', place: images('uuid') },
    about: 'never changes, whatever it is called',
  },
  {
    ...{ name: 'uri', aliases: ['imgURI', 'file_url', 'raw_file_url'], type: 'text', place: none },
    about: 'where its bytes are',
  },
  {
    ...{ name: 'http_file_url', aliases: [], type: 'text', place: none },
    about: 'where everybody finds its bytes, without a certificate',
  },
  {
    ...{ name: 'created', aliases: ['createdDate', 'created_at'], type: 'time', place: images('created_at') },
    about: 'when the slot was made',
  },
  {
    ...{
      name: 'modified',
      aliases: ['updated_at', 'modified_at'],
      type: 'time',
      place: images('modified_at'),
    },
    about: 'last change of metadata or bytes',
  },
  {
    ...{ name: 'uploaded', aliases: ['uploaded_at'], type: 'time', place: images('uploaded_at') },
    about: 'when its bytes last came',
  },
  {
    ...{
      name: 'accessed',
      aliases: ['lastAccess', 'accessed_at'],
      type: 'time',
      place: images('accessed_at'),
    },
    about: 'when its bytes were last asked for',
  },
  {
    ...{ name: 'access_count', aliases: ['accessCount'], type: 'count', place: images('access_count') },
    about: 'how often its bytes were asked for',
  },
  {
    ...{ name: 'raw_file_uploaded', aliases: [], type: 'flag', place: none },
    about: 'whether it has bytes',
  },
  {
    ...{ name: 'version', aliases: [], type: 'count', place: version('version') },
    about: 'its newest version',
  },
  {
    ...{ name: 'size', aliases: ['size_bytes'], type: 'bytes', place: version('size') },
    about: 'of the newest version',
  },
  {
    ...{ name: 'content_bytes', aliases: [], type: 'bytes', place: version('content_bytes') },
    about: 'of the newest version without its zero pages: what counts against quotas',
  },
  {
    ...{ name: 'checksum', aliases: ['sha256'], type: 'text', place: version('sha256') },
    about: 'sha-256 of the newest version, hex',
  },
  {
    ...{ name: 'manifest', aliases: [], type: 'text', place: version('manifest') },
    about: 'CID of the manifest of the newest version',
  },
] as const satisfies readonly Omit<MetadataField, 'setBy'>[]

export type FieldName = (typeof OWNERS)[number]['name'] | (typeof TRACKERS)[number]['name']

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

type OwnerField = Exclude<(typeof OWNERS)[number], { place: typeof property }>
/** Values that an owner gives, checked. Only what was given is there; texts that were cleared are empty. */
export type GivenFields = {
  readonly [Name in OwnerField['name']]?: ValueOfType[Extract<OwnerField, { name: Name }>['type']]
}

/** Every field, in the order in which they are shown. */
export const METADATA_FIELDS: readonly (MetadataField & { readonly name: FieldName })[] = [
  ...OWNERS.map((field) => ({ ...field, setBy: 'owner' as const })),
  ...TRACKERS.map((field) => ({ ...field, setBy: 'tracker' as const })),
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
