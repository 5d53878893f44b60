import { covers } from '../../src/core/acl.ts'
import type { ManifestId } from '../../src/core/cid.ts'
import { MANIFEST_IMAGES_MAX } from '../../src/core/registry-limits.ts'
import type { Access } from '../access/access.ts'
import type { Asker } from '../access/asker.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { StoredVersion } from '../catalog/image-rows.ts'

export interface ReadableComponents {
  readonly catalog: { readonly images: Pick<Catalog['images'], 'get' | 'withManifest'> }
  readonly access: Pick<Access, 'rightTo'>
}

/** Versions with this manifest that the asker may read, one of each image. */
export async function readableVersions(
  { catalog, access }: ReadableComponents,
  asker: Asker,
  manifest: ManifestId,
): Promise<StoredVersion[]> {
  const readable: StoredVersion[] = []
  for (const version of await imagesWith({ catalog }, manifest)) {
    const stored = await catalog.images.get(version)
    if (covers(await access.rightTo(asker, stored), 'read')) readable.push(version)
  }
  return readable
}

/** One version of each image that has this manifest, up to MANIFEST_IMAGES_MAX. */
export async function imagesWith(
  { catalog }: Pick<ReadableComponents, 'catalog'>,
  manifest: ManifestId,
): Promise<StoredVersion[]> {
  const versions = new Map<string, StoredVersion>()
  for (const version of await catalog.images.withManifest(manifest)) {
    if (versions.size >= MANIFEST_IMAGES_MAX) break
    versions.set(`${version.namespace}/${version.name}`, version)
  }
  return [...versions.values()]
}
