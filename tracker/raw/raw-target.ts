import type { RawPath } from '../../src/api/raw-schemas.ts'
import { HYPERVISOR_WORD } from '../../src/api/tracker-paths.ts'
import { NotFoundError } from '../../src/core/errors.ts'
import type { ImageName, Namespace } from '../../src/core/reference.ts'
import type { Access } from '../access/access.ts'
import type { Asker } from '../access/asker.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { ImageKey, StoredImage } from '../catalog/image-rows.ts'

export interface RawTargetComponents {
  readonly access: Access
  readonly catalog: Pick<Catalog, 'images' | 'namespaces'>
}

/**
 * The image that a path names, when `allow` does not throw: `IMAGE`, `NAMESPACE/IMAGE`, `HYPERVISOR/IMAGE` or `NAMESPACE/HYPERVISOR/IMAGE`. A
 * namespace goes before a hypervisor of the same name; who is not known has no namespace of its own. Errors: those of
 * `allow`, NotFoundError, and of anonymous the refusal instead: it does not learn what there is.
 */
export async function rawTarget(
  components: RawTargetComponents,
  request: { readonly asker: Asker; readonly path: RawPath },
  allow: (image: StoredImage) => Promise<void>,
): Promise<StoredImage> {
  const { asker, path } = request
  const { hypervisor, ...key } = await keyOf(components, asker, path)
  const image = await components.catalog.images.get(key).catch((error: unknown) => {
    if (error instanceof NotFoundError) components.access.known(asker)
    throw error
  })
  await allow(image)
  if (hypervisor !== undefined) checkHypervisor(image, hypervisor)
  return image
}

async function keyOf(
  { access, catalog }: RawTargetComponents,
  asker: Asker,
  path: RawPath,
): Promise<ImageKey & { hypervisor?: string }> {
  if ('hypervisor' in path) return path
  const own = (name: ImageName) => {
    const user = access.user(asker, { change: false })
    return { namespace: user.name as Namespace, name }
  }
  if (!('namespace' in path)) return own(path.image)
  const { namespace, name } = path
  const isHypervisor =
    namespace === HYPERVISOR_WORD || (await catalog.namespaces.ownerOf(namespace)) === undefined
  // Who has no namespace of its own can only have meant one.
  return isHypervisor && asker.kind === 'user' ? { ...own(name), hypervisor: namespace } : { namespace, name }
}

function checkHypervisor({ namespace, name, hypervisor }: StoredImage, wanted: string): void {
  const words = hypervisor.split(',').map((word) => word.trim().toLowerCase())
  if (wanted === HYPERVISOR_WORD || words.includes(wanted.toLowerCase())) return
  throw new NotFoundError(`the image ${namespace}/${name} is for ${words.join(', ')} and not for ${wanted}`)
}
