import { HistoryAnswer, type HistoryEntryView, HistoryQuery } from '../../src/api/accounting-schemas.ts'
import { TRACKER_PATHS } from '../../src/api/tracker-paths.ts'
import { ImageParams } from '../../src/api/tracker-schemas.ts'
import { covers } from '../../src/core/acl.ts'
import { NotFoundError } from '../../src/core/errors.ts'
import { askerOf } from '../access/asker.ts'
import type { HistoryEntry } from '../catalog/history-catalog.ts'
import type { Handler, Registration } from '../http/route.ts'
import { problems } from './answers.ts'

/** Entries of an answer that names no number. */
const ENTRIES_DEFAULT = 100
/** Whom an image is shared with is told to those who share it. */
const NOT_FOR_READERS: ReadonlySet<string> = new Set(['shared', 'unshared'])

const showHistorySchema = {
  tags: ['images'],
  summary: 'What happened to an image, also after it was removed',
  description:
    'Of an image that exists, its whole life, whatever it was called. Of one that was removed, what happened under this name, for those who may write to the namespace.',
  params: ImageParams,
  querystring: HistoryQuery,
  response: { 200: HistoryAnswer, ...problems },
}

const showHistory: Handler<typeof showHistorySchema> = (context) => async (request) => {
  const { access, catalog } = context
  const asker = askerOf(request)
  const { after = 0, limit = ENTRIES_DEFAULT } = request.query
  const page = { after, limit: limit + 1 }
  const image = await catalog.images.get(request.params).catch(undefinedIfMissing)
  if (image === undefined) await access.namespace(asker, request.params.namespace, 'write')
  else await access.image(asker, image, 'read')
  const mayWrite = image === undefined || covers(await access.rightTo(asker, image), 'write')
  const entries =
    image === undefined
      ? await catalog.history.ofName(request.params, page)
      : await catalog.history.ofImage(image, page)
  if (image === undefined && after === 0 && entries.length === 0)
    throw new NotFoundError(`there was no image ${request.params.namespace}/${request.params.name}`)
  const shown = entries.slice(0, limit)
  const told = shown.filter(({ action }) => mayWrite || !NOT_FOR_READERS.has(action))
  return {
    entries: told.map((entry) => viewOf(entry, mayWrite)),
    next: entries.length > limit ? (shown.at(-1)?.id ?? null) : null,
  }
}

function undefinedIfMissing(error: unknown): undefined {
  if (error instanceof NotFoundError) return undefined
  throw error
}

function viewOf(entry: HistoryEntry, withAuthor: boolean): HistoryEntryView {
  const { id, atMs, namespace, name, author, action, details } = entry
  return {
    ...{ id, at: new Date(atMs).toISOString(), name: `${namespace}/${name}` },
    ...{ author: withAuthor ? author : null, action, details },
  }
}

/** The lives of images. */
export const historyRoutes: Registration = (app, context) => {
  app.route({
    method: 'GET',
    url: TRACKER_PATHS.history,
    schema: showHistorySchema,
    handler: showHistory(context),
  })
}
