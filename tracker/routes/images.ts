import { TRACKER_PATHS } from '../../src/api/tracker-paths.ts'
import { CreateImageBody, ImageParams, ImageView, ImageViews } from '../../src/api/tracker-schemas.ts'
import { ConflictError } from '../../src/core/errors.ts'
import { type Asker, askerOf } from '../access/asker.ts'
import type { StoredImage, StoredVersion } from '../catalog/image-catalog.ts'
import type { RouteContext } from '../context.ts'
import type { Handler, Registration } from '../http/route.ts'
import { NoContent, problems } from './answers.ts'

const tags = ['images']

const listImagesSchema = { tags, summary: 'Every image', response: { 200: ImageViews, ...problems } }

const createImageSchema = {
  tags,
  summary: 'Make an image without versions',
  body: CreateImageBody,
  response: { 201: ImageView, ...problems },
}

const showImageSchema = {
  tags,
  summary: 'One image with its versions and tags',
  params: ImageParams,
  response: { 200: ImageView, ...problems },
}

const removeImageSchema = {
  tags,
  summary: 'Remove an image with all its versions',
  params: ImageParams,
  response: { 204: NoContent, ...problems },
}

const listImages: Handler<typeof listImagesSchema> = (context) => async (request) => {
  return await viewsFor(context, context.access.known(askerOf(request)))
}

const createImage: Handler<typeof createImageSchema> = (context) => async (request, reply) => {
  const { namespace, name } = request.body
  const made = await context.uploads.createImage(askerOf(request), request.body)
  if (!made) throw new ConflictError(`the image ${namespace}/${name} exists`)
  reply.code(201)
  return await viewWithVersions(context, await context.catalog.images.get(request.body))
}

const showImage: Handler<typeof showImageSchema> = (context) => async (request) => {
  const image = await context.catalog.images.get(request.params)
  await context.access.image(askerOf(request), image, 'read')
  return await viewWithVersions(context, image)
}

const removeImage: Handler<typeof removeImageSchema> = (context) => async (request, reply) => {
  const asker = askerOf(request)
  const image = await context.catalog.images.get(request.params)
  await context.access.image(asker, image, 'admin')
  const { dn: author } = context.access.user(asker, { change: true })
  await context.catalog.images.remove(request.params, { author, nowMs: context.clock.now() })
  return reply.code(204).send(null)
}

type Versions = readonly (StoredVersion & { image: number })[]
type Tags = readonly { image: number; tag: string; version: number }[]

async function viewWithVersions({ catalog }: RouteContext, image: StoredImage): Promise<ImageView> {
  const versions = await catalog.images.versions(image)
  return viewOf(image, versions, await catalog.images.tags(image))
}

async function viewsFor({ catalog, access }: RouteContext, asker: Asker): Promise<ImageView[]> {
  const images: StoredImage[] = []
  for (const image of await catalog.images.list())
    if ((await access.rightTo(asker, image)) !== undefined) images.push(image)
  const versions = Map.groupBy(await catalog.images.versions(), (row) => row.image)
  const tags = Map.groupBy(await catalog.images.tags(), (row) => row.image)
  return images.map((image) => viewOf(image, versions.get(image.id) ?? [], tags.get(image.id) ?? []))
}

function viewOf(image: StoredImage, versions: Versions, tags: Tags): ImageView {
  return {
    namespace: image.namespace,
    name: image.name,
    ownerDn: image.ownerDn ?? '',
    createdAt: new Date(image.createdAtMs).toISOString(),
    tags: Object.fromEntries(tags.map(({ tag, version }) => [tag, version])),
    versions: versions.map(({ version, manifest, size, sha256, publisher, createdAtMs }) => {
      const createdAt = new Date(createdAtMs).toISOString()
      return { version, manifest, size, sha256, publisher, createdAt }
    }),
  }
}

/** Images as a whole. */
export const imageRoutes: Registration = (app, context) => {
  const { images, image } = TRACKER_PATHS
  app.route({ method: 'GET', url: images, schema: listImagesSchema, handler: listImages(context) })
  app.route({ method: 'POST', url: images, schema: createImageSchema, handler: createImage(context) })
  app.route({ method: 'GET', url: image, schema: showImageSchema, handler: showImage(context) })
  app.route({ method: 'DELETE', url: image, schema: removeImageSchema, handler: removeImage(context) })
}
