import type { ImageObject } from '../../src/api/image-schemas.ts'
import type { AclEntry } from '../../src/core/acl.ts'
import { isMeant } from '../access/access-control.ts'
import type { Asker } from '../access/asker.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { StoredImage } from '../catalog/image-rows.ts'
import { imageObject, type ViewInit } from './image-object.ts'

/** Images as one asker sees them, their details in a query for each kind. */
export async function imageObjects(
  { catalog }: { catalog: Pick<Catalog, 'details'> },
  images: readonly StoredImage[],
  init: Pick<ViewInit, 'baseUrl' | 'openUrl'> & { asker: Asker },
): Promise<ImageObject[]> {
  const { asker, baseUrl, openUrl } = init
  const isKeeper = ({ ownerId }: StoredImage) =>
    asker.admin || (asker.kind === 'user' && asker.id === ownerId)
  const concerns = (entry: AclEntry) => isMeant(asker, entry)
  const details = await catalog.details.of(images)
  return images.flatMap((image, i) => {
    const detail = details[i]
    return detail === undefined ? [] : [imageObject(image, detail, { baseUrl, openUrl, isKeeper, concerns })]
  })
}
