import { TRACKER_PATHS } from '../../src/api/tracker-paths.ts'
import { CreateImageBody, ImageParams, ImageView, ImageViews } from '../../src/api/tracker-schemas.ts'
import { ConflictError } from '../../src/core/errors.ts'
import { type Asker, askerOf } from '../access/asker.ts'
import type { StoredImage, StoredVersion } from '../catalog/image-catalog.ts'
import type { RouteContext } from '../context.ts'
import type { App } from '../http/app-type.ts'
import { NoContent, problems } from './answers.ts'

/** Images as a whole. */
export function imageRoutes(app: App, context: RouteContext): void {
  app.route({
    method: 'GET',
    url: TRACKER_PATHS.images,
    schema: { tags: ['images'], summary: 'Every image', response: { 200: ImageViews, ...problems } },
    handler: async (request) => {
      return await listImages(context, askerOf(request))
    },
  })
  app.route({
    method: 'POST',
    url: TRACKER_PATHS.images,
    schema: {
      tags: ['images'],
      summary: 'Make an image without versions',
      body: CreateImageBody,
      response: { 201: ImageView, ...problems },
    },
    handler: async (request, reply) => {
      const { namespace, name } = request.body
      const made = await context.uploads.createImage(askerOf(request), request.body)
      if (!made) throw new ConflictError(`the image ${namespace}/${name} exists`)
      reply.code(201)
      return await showImage(context, await context.catalog.images.get(request.body))
    },
  })
  app.route({
    method: 'GET',
    url: TRACKER_PATHS.image,
    schema: {
      tags: ['images'],
      summary: 'One image with its versions and tags',
      params: ImageParams,
      response: { 200: ImageView, ...problems },
    },
    handler: async (request) => {
      const image = await context.catalog.images.get(request.params)
      await context.access.image(askerOf(request), image, 'read')
      return await showImage(context, image)
    },
  })
  app.route({
    method: 'DELETE',
    url: TRACKER_PATHS.image,
    schema: {
      tags: ['images'],
      summary: 'Remove an image with all its versions',
      params: ImageParams,
      response: { 204: NoContent, ...problems },
    },
    handler: async (request, reply) => {
      const image = await context.catalog.images.get(request.params)
      await context.access.image(askerOf(request), image, 'admin')
      await context.catalog.images.remove(request.params)
      return reply.code(204).send(null)
    },
  })
}

type Versions = readonly (StoredVersion & { image: number })[]
type Tags = readonly { image: number; tag: string; version: number }[]

async function showImage({ catalog }: RouteContext, image: StoredImage): Promise<ImageView> {
  const versions = await catalog.images.versions(image)
  return viewOf(image, versions, await catalog.images.tags(image))
}

async function listImages({ catalog, access }: RouteContext, asker: Asker): Promise<ImageView[]> {
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
