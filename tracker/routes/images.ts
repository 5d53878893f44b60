import type { FastifyRequest } from 'fastify'
import {
  ChangeImageBody,
  CreateImageBody,
  ImageObject,
  ImagesAnswer,
  OwnImageParams,
  RemoveImageQuery,
  SearchParameters,
} from '../../src/api/image-schemas.ts'
import { TRACKER_PATHS } from '../../src/api/tracker-paths.ts'
import { ImageParams } from '../../src/api/tracker-schemas.ts'
import { InternalError, LimitError } from '../../src/core/errors.ts'
import type { Namespace } from '../../src/core/reference.ts'
import { LIST_ROWS_MAX, LIST_URLS_MAX } from '../../src/core/registry-limits.ts'
import { type Asker, askerOf } from '../access/asker.ts'
import type { ImageKey, StoredImage } from '../catalog/image-rows.ts'
import type { RouteContext } from '../context.ts'
import type { Handler, Registration } from '../http/route.ts'
import { allowLong } from '../http/signal.ts'
import { imagePath, rawPath } from '../images/image-object.ts'
import { findObjects, findRows, parseSearch } from '../images/listing.ts'
import { imageObjects } from '../images/objects.ts'
import { Empty, problems } from './answers.ts'

const tags = ['images']

const listImagesSchema = {
  tags,
  summary: 'Addresses of the images that the asker may read; with parameters, what a search finds',
  querystring: SearchParameters,
  response: { 200: ImagesAnswer, ...problems },
}

const createImageSchema = {
  tags,
  summary: 'Make an image without bytes; Location says where these go',
  body: CreateImageBody,
  response: { 201: ImageObject, ...problems },
}

const showImageSchema = {
  tags,
  summary: 'One image with its versions and tags',
  params: ImageParams,
  response: { 200: ImageObject, ...problems },
}
const showOwnImageSchema = { ...showImageSchema, params: OwnImageParams }

const changeImageSchema = {
  tags,
  summary: 'Change what is said of an image, its name, its owner, its state',
  params: ImageParams,
  body: ChangeImageBody,
  response: { 200: Empty, ...problems },
}
const changeOwnImageSchema = { ...changeImageSchema, params: OwnImageParams }

const removeImageSchema = {
  tags,
  summary: 'Remove an image with all its versions, or one version',
  params: ImageParams,
  querystring: RemoveImageQuery,
  response: { 200: Empty, ...problems },
}
const removeOwnImageSchema = { ...removeImageSchema, params: OwnImageParams }

const listImages: Handler<typeof listImagesSchema> = (context) => async (request) => {
  const asker = context.access.known(askerOf(request))
  const nowMs = context.clock.now()
  const baseUrl = context.baseUrl(request)
  const search = parseSearch(request.query)
  if (search === undefined) {
    const images = await everyReadable(context, asker, nowMs)
    return images.map((image) => baseUrl + imagePath(image))
  }
  const init = { asker, nowMs, baseUrl, openUrl: context.openUrl(request) }
  return search.objects
    ? await findObjects(context, search.query, init)
    : await findRows(context, search.query, init)
}

const createImage: Handler<typeof createImageSchema> = (context) => async (request, reply) => {
  const image = await context.images.create(askerOf(request), request.body)
  reply.code(201).header('location', rawPath(image))
  return await objectOf(context, request, image)
}

const showImage: Handler<typeof showImageSchema> = (context) => (request) =>
  show(context, request, request.params)

const showOwnImage: Handler<typeof showOwnImageSchema> = (context) => (request) =>
  show(context, request, ownKey(context, askerOf(request), request.params))

const changeImage: Handler<typeof changeImageSchema> = (context) => async (request, reply) => {
  // A rename signs the record of every version.
  allowLong(reply)
  await context.images.change(askerOf(request), request.params, request.body)
  return reply.send()
}

const changeOwnImage: Handler<typeof changeOwnImageSchema> = (context) => async (request, reply) => {
  const asker = askerOf(request)
  allowLong(reply)
  await context.images.change(asker, ownKey(context, asker, request.params), request.body)
  return reply.send()
}

const removeImage: Handler<typeof removeImageSchema> = (context) => async (request, reply) => {
  await context.images.remove(askerOf(request), request.params, request.query)
  return reply.send()
}

const removeOwnImage: Handler<typeof removeOwnImageSchema> = (context) => async (request, reply) => {
  const asker = askerOf(request)
  await context.images.remove(asker, ownKey(context, asker, request.params), request.query)
  return reply.send()
}

/** Repoman's list has no pages: it is whole, or refused. */
async function everyReadable({ catalog }: RouteContext, asker: Asker, nowMs: number): Promise<StoredImage[]> {
  const images: StoredImage[] = []
  for (let offset = 0; ; offset += LIST_ROWS_MAX) {
    const page = await catalog.lists.list(asker, {}, { nowMs, offset, limit: LIST_ROWS_MAX })
    images.push(...page)
    if (page.length < LIST_ROWS_MAX) return images
    if (images.length >= LIST_URLS_MAX)
      throw new LimitError(
        `you may read more than ${LIST_URLS_MAX} images: ask for pages, with limit and offset`,
        {
          data: { limit: LIST_URLS_MAX },
        },
      )
  }
}

/** The image of this name in the asker's own namespace. */
export function ownKey(
  { access }: RouteContext,
  asker: Asker,
  params: { image: ImageKey['name'] },
): ImageKey {
  const { name } = access.user(asker, { change: false })
  return { namespace: name as Namespace, name: params.image }
}

async function show(context: RouteContext, request: FastifyRequest, key: ImageKey): Promise<ImageObject> {
  const asker = context.access.known(askerOf(request))
  const image = await context.catalog.images.get(key)
  await context.access.image(asker, image, 'read')
  return await objectOf(context, request, image)
}

async function objectOf(
  context: RouteContext,
  request: FastifyRequest,
  image: StoredImage,
): Promise<ImageObject> {
  const asker = askerOf(request)
  const urls = { baseUrl: context.baseUrl(request), openUrl: context.openUrl(request) }
  const [object] = await imageObjects(context, [image], { asker, ...urls })
  if (object !== undefined) return object
  throw new InternalError('an image has no details')
}

/** Images as a whole. */
export const imageRoutes: Registration = (app, context) => {
  const { images, image, ownImage } = TRACKER_PATHS
  app.route({
    ...{ method: 'GET', url: images, schema: listImagesSchema, handler: listImages(context) },
    // One of three forms: a serializer made from the schema would try each on every image.
    serializerCompiler: () => (answer) => JSON.stringify(answer),
  })
  app.route({ method: 'POST', url: images, schema: createImageSchema, handler: createImage(context) })
  app.route({ method: 'GET', url: image, schema: showImageSchema, handler: showImage(context) })
  app.route({ method: 'GET', url: ownImage, schema: showOwnImageSchema, handler: showOwnImage(context) })
  app.route({ method: 'POST', url: image, schema: changeImageSchema, handler: changeImage(context) })
  app.route({ method: 'POST', url: ownImage, schema: changeOwnImageSchema, handler: changeOwnImage(context) })
  app.route({ method: 'DELETE', url: image, schema: removeImageSchema, handler: removeImage(context) })
  app.route({
    method: 'DELETE',
    url: ownImage,
    schema: removeOwnImageSchema,
    handler: removeOwnImage(context),
  })
}
