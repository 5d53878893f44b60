import type { ImageObject, VersionObject } from '../api/image-schemas.ts'
import { parseTime } from '../core/quantity.ts'
import type { ListView } from './output.ts'
import { formatFacts, formatTable } from './table.ts'
import { formatBytes } from './units.ts'

/** How a list of images looks. */
export const IMAGE_LIST: ListView<ImageObject> = {
  columns: [
    { title: 'image', cell: nameOf },
    { title: 'versions', cell: ({ versions }) => String(versions.length), right: true },
    { title: 'tags', cell: ({ tags }) => tagsText(tags) },
    { title: 'size', cell: ({ size }) => (size === null ? '' : formatBytes(size)), right: true },
    { title: 'state', cell: ({ state }) => state },
    { title: 'pushed', cell: ({ uploaded }) => timeText(uploaded) ?? '' },
  ],
  name: nameOf,
}

export function nameOf({ namespace, name }: { namespace: string; name: string }): string {
  return `${namespace}/${name}`
}

/** One image with everything that is known of it, newest version first. */
export function describeImage(image: ImageObject): string {
  const facts = formatFacts([...identityFacts(image), ...saidFacts(image), ...rightsFacts(image)])
  const versions = image.versions.toSorted((a, b) => b.version - a.version)
  return versions.length === 0 ? facts : `${facts}\n${formatTable(versionColumns(image), versions)}`
}

type Facts = (readonly [string, string | undefined])[]

function identityFacts(image: ImageObject): Facts {
  const { owner_user_name, owner_dn, access_count: count } = image
  const dn = owner_dn === undefined ? '' : ` (${owner_dn})`
  return [
    ['image', nameOf(image)],
    ['uuid', image.uuid],
    ['owner', owner_user_name === null ? undefined : `${owner_user_name}${dn}`],
    ['state', `${image.state}${image.read_only ? ', read only' : ''}`],
    ['created', timeText(image.created)],
    ['expires', timeText(image.expires)],
    ['accessed', count === 0 ? undefined : `${timeText(image.accessed) ?? ''}, ${count} times so far`],
  ]
}

function saidFacts(image: ImageObject): Facts {
  const { os_variant, os_type, os_arch } = image
  const system = [os_variant, os_type, os_arch].filter((text) => text !== null).join(', ')
  const pairs = Object.entries(image.properties)
  return [
    ['description', image.description ?? undefined],
    ['system', system === '' ? undefined : system],
    ['hypervisor', image.hypervisor],
    ['type', image.image_type ?? undefined],
    ['format', image.format ?? undefined],
    ['kernel', image.kernel ?? undefined],
    ['ramdisk', image.ramdisk ?? undefined],
    ['keywords', image.keywords.length === 0 ? undefined : image.keywords.join(' ')],
    ...pairs.map(([key, value]) => [`property.${key}`, value] as const),
  ]
}

function rightsFacts({ permission, unauthenticated_access, http_file_url, shared_with }: ImageObject): Facts {
  const { users, groups, nodes } = shared_with
  const lastPart = (url: string) => decodeURIComponent(url.slice(url.lastIndexOf('/') + 1))
  const names = [
    ...users.map((url) => `user ${lastPart(url)}`),
    ...groups.map((url) => `group ${lastPart(url)}`),
    ...nodes.map((node) => `node ${node}`),
  ]
  return [
    [
      'readable by',
      unauthenticated_access ? 'everybody' : permission === 'public' ? 'every user' : undefined,
    ],
    ['shared with', names.length === 0 ? undefined : names.join(', ')],
    ['open at', http_file_url ?? undefined],
  ]
}

function versionColumns({ tags }: ImageObject) {
  const tagsOf = (version: number) =>
    Object.entries(tags)
      .flatMap(([tag, of]) => (of === version ? [tag] : []))
      .join(' ')
  return [
    { title: 'version', cell: ({ version }: VersionObject) => String(version), right: true },
    { title: 'tags', cell: ({ version }: VersionObject) => tagsOf(version) },
    { title: 'size', cell: ({ size }: VersionObject) => formatBytes(size), right: true },
    { title: 'pushed', cell: ({ created }: VersionObject) => timeText(created) ?? '' },
    { title: 'by', cell: ({ publisher }: VersionObject) => publisher },
    { title: 'manifest', cell: ({ manifest }: VersionObject) => manifest },
  ]
}

/** Times come as C's ctime has them; people and scripts sort ISO 8601. */
export function timeText(ctime: string | null): string | undefined {
  const ms = ctime === null ? undefined : parseTime(ctime)
  return ms === undefined ? (ctime ?? undefined) : new Date(ms).toISOString().replace('.000Z', 'Z')
}

function tagsText(tags: Readonly<Record<string, number>>): string {
  return Object.entries(tags)
    .map(([tag, version]) => `${tag}=${version}`)
    .sort()
    .join(' ')
}
