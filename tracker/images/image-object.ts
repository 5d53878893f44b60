import type { ImageObject, VersionObject } from '../../src/api/image-schemas.ts'
import { fillPath, HYPERVISOR_WORD, TRACKER_PATHS } from '../../src/api/tracker-paths.ts'
import type { AclEntry } from '../../src/core/acl.ts'
import { NODES_GROUP, USERS_GROUP } from '../../src/core/permission.ts'
import { formatCtime } from '../../src/core/quantity.ts'
import type { ImageDetails, VersionSummary } from '../catalog/image-details.ts'
import type { StoredImage } from '../catalog/image-rows.ts'

/** Who looks, and by which address. */
export interface ViewInit {
  /** Origin that addresses begin with. */
  readonly baseUrl: string
  /** The same for who has no certificate. */
  readonly openUrl: string
  /** Whether the asker owns it or is an admin: gets the distinguished name of its owner, and everybody whom it is shared with. */
  readonly isKeeper: (image: StoredImage) => boolean
  /** Whether an entry of an ACL is about the asker. */
  readonly concerns: (entry: AclEntry) => boolean
}

/** An image as the interface shows it (docs/specs/registry-v1.md section 3). */
export function imageObject(image: StoredImage, details: ImageDetails, init: ViewInit): ImageObject {
  const { uuid, name, namespace, state } = image
  const newest = details.versions.at(-1)
  return {
    ...{ uuid, name, namespace },
    ...ownerOf(image, init),
    ...timesOf(image),
    access_count: image.accessCount,
    checksum: { type: newest?.sha256 == null ? null : 'sha256', value: newest?.sha256 ?? null },
    ...saidOf(image),
    properties: details.properties,
    state,
    read_only: image.readOnly,
    ...rightsOf(image, details, init),
    raw_file_uploaded: newest !== undefined,
    ...{ version: newest?.version ?? 0, size: newest?.size ?? null, manifest: newest?.manifest ?? null },
    content_bytes: newest?.contentBytes ?? null,
    file_url: init.baseUrl + rawPath(image),
    signed_by: newest?.signed === true ? newest.publisher : null,
    tags: Object.fromEntries(details.tags.map(({ tag, version }) => [tag, version])),
    versions: details.versions.map(versionObject),
  }
}

/** Where the bytes of an image are, for consumers who put their hypervisor into the path. */
export function rawPath({ namespace, name }: Pick<StoredImage, 'namespace' | 'name'>): string {
  return fillPath(TRACKER_PATHS.rawHypervisor, { namespace, hypervisor: HYPERVISOR_WORD, name })
}

export function imagePath({ namespace, name }: Pick<StoredImage, 'namespace' | 'name'>): string {
  return fillPath(TRACKER_PATHS.image, { namespace, name })
}

function ownerOf(image: StoredImage, { baseUrl, isKeeper }: ViewInit) {
  const { ownerName, ownerDn } = image
  return {
    owner_user_name: ownerName,
    owner: ownerName === null ? null : baseUrl + fillPath(TRACKER_PATHS.user, { user: ownerName }),
    ...(ownerDn !== null && isKeeper(image) ? { owner_dn: ownerDn } : {}),
  }
}

function timesOf(image: StoredImage) {
  return {
    created: formatCtime(image.createdAtMs),
    modified: formatCtime(image.modifiedAtMs),
    uploaded: timeOf(image.uploadedAtMs),
    accessed: timeOf(image.accessedAtMs),
    expires: timeOf(image.expiresAtMs),
  }
}

function timeOf(ms: number | null): string | null {
  return ms === null ? null : formatCtime(ms)
}

function saidOf(image: StoredImage) {
  const { description, osVariant, osType, osArch, imageType, format, kernel, ramdisk } = image
  return {
    description: saidOrNull(description),
    ...{ os_variant: saidOrNull(osVariant), os_type: saidOrNull(osType), os_arch: saidOrNull(osArch) },
    hypervisor: image.hypervisor,
    ...{ image_type: saidOrNull(imageType), format: saidOrNull(format) },
    ...{ kernel: saidOrNull(kernel), ramdisk: saidOrNull(ramdisk) },
    keywords: image.keywords === '' ? [] : image.keywords.split(','),
  }
}

function saidOrNull(text: string): string | null {
  return text === '' ? null : text
}

function rightsOf(image: StoredImage, details: ImageDetails, init: ViewInit) {
  const { baseUrl, openUrl } = init
  const { entries, namespaceEntries } = details
  const all = [...entries, ...namespaceEntries]
  const open = all.some(({ kind }) => kind === 'anyone')
  const told = init.isKeeper(image) ? entries : entries.filter(init.concerns)
  const subjects = (kind: AclEntry['kind']) =>
    told.flatMap((entry) => (entry.kind === kind ? [entry.subject] : []))
  const groups = subjects('group').filter((group) => group !== NODES_GROUP)
  return {
    permission: open || all.some(isPublic) ? ('public' as const) : ('private' as const),
    unauthenticated_access: open,
    http_file_url: open ? openUrl + rawPath(image) : null,
    shared_with: {
      groups: groups.map((group) => baseUrl + fillPath(TRACKER_PATHS.group, { group })),
      users: subjects('user').map((user) => baseUrl + fillPath(TRACKER_PATHS.user, { user })),
      nodes: subjects('node'),
    },
  }
}

/** An entry that lets every user read. */
export function isPublic({ kind, subject }: AclEntry): boolean {
  return kind === 'group' && subject === USERS_GROUP
}

function versionObject(version: VersionSummary): VersionObject {
  const { manifest, size, sha256, publisher } = version
  const created = formatCtime(version.createdAtMs)
  return {
    version: version.version,
    ...{ manifest, size, content_bytes: version.contentBytes, sha256, publisher, created },
  }
}
