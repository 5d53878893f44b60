import type { FoundImages, FoundRows } from '../../src/api/image-schemas.ts'
import { InvalidError } from '../../src/core/errors.ts'
import { fieldNamed } from '../../src/core/metadata.ts'
import type { Query, ShownField } from '../../src/core/query.ts'
import { parseQueryParameters } from '../../src/core/query-parameters.ts'
import { parseQuery } from '../../src/core/query-parser.ts'
import type { KnownAsker } from '../access/asker.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { FoundImage } from '../query/image-search.ts'
import { rawPath, type ViewInit } from './image-object.ts'
import { imageObjects } from './objects.ts'

/** What a search is to answer with. */
export interface Search {
  readonly query: Query
  /** Whole objects in the place of the fields of the query. */
  readonly objects: boolean
}

/** Parameters that say how an answer looks; all others are the query's. */
const VIEWS = ['objects', 'fields'] as const

/**
 * Reads the parameters of `GET /api/images`; undefined when there are none. `fields` names what is shown, `view=objects` shows everything
 * as `GET /api/images/{namespace}/{image}` does. Throws InvalidError.
 */
export function parseSearch(parameters: Readonly<Record<string, unknown>>): Search | undefined {
  const { view, fields, ...rest } = parameters
  if (Object.keys(parameters).length === 0) return undefined
  if (view !== undefined && !VIEWS.some((known) => known === view))
    throw new InvalidError(`view must be ${VIEWS.join(' or ')}`)
  const query = parseQueryParameters(rest)
  if (fields === undefined) return { query, objects: view === 'objects' }
  if (view === 'objects') throw new InvalidError('view=objects shows every field: leave fields out')
  if (query.fields !== undefined) throw new InvalidError('fields stand in q and beside it: give them once')
  return { query: { ...query, fields: shownFields(fields) }, objects: false }
}

function shownFields(fields: unknown): Query['fields'] {
  const text = Array.isArray(fields) ? fields.join(',') : String(fields)
  const { fields: shown, where, order, limit, offset } = parseQuery(text)
  if (where.length === 0 && order === undefined && limit === undefined && offset === undefined) return shown
  throw new InvalidError('fields are names, comma-separated; conditions go into q')
}

/** Objects of the images that a search finds. */
export async function findObjects(
  { catalog }: { catalog: Pick<Catalog, 'details' | 'images' | 'search'> },
  query: Query,
  init: Pick<ViewInit, 'baseUrl' | 'openUrl'> & { asker: KnownAsker; nowMs: number },
): Promise<FoundImages> {
  const { asker, nowMs } = init
  const { images, next } = await catalog.search.search(asker, { ...query, fields: [] }, { nowMs })
  const stored = await catalog.images.byIds(images.map(({ id }) => id))
  return { images: await imageObjects({ catalog }, stored, init), next }
}

/** The fields that a query shows, of the images that it finds. */
export async function findRows(
  { catalog }: { catalog: Pick<Catalog, 'search'> },
  query: Query,
  init: Pick<ViewInit, 'baseUrl' | 'openUrl'> & { asker: KnownAsker; nowMs: number },
): Promise<FoundRows> {
  const { asker, nowMs } = init
  const found = await catalog.search.search(asker, withOpen(query), { nowMs })
  const shown = query.fields?.length ?? found.fields.length
  const openAt = found.fields.findIndex((field) => field.kind === 'field' && field.name === OPEN)
  const fields = found.fields.slice(0, shown).map(shownAs)
  return {
    images: found.images.map((image) => {
      const path = rawPath(image)
      const open = image.values[openAt] === true
      const urls = { uri: init.baseUrl + path, http_file_url: open ? init.openUrl + path : null }
      return rowOf(fields, image, urls)
    }),
    next: found.next,
  }
}

const OPEN = 'unauthenticated_access'

/** Whether http_file_url is there follows from another field, which the database gives with it. */
function withOpen(query: Query): Query {
  const { fields } = query
  const asked = fields?.some((field) => field.kind === 'field' && field.name === 'http_file_url')
  if (fields === undefined || asked !== true) return query
  return { ...query, fields: [...fields, { kind: 'field', name: OPEN, as: OPEN }] }
}

/** Values of the fields that are made from others. */
interface Urls {
  readonly uri: string
  readonly http_file_url: string | null
}

function rowOf(fields: readonly Shown[], image: FoundImage, urls: Urls): Record<string, unknown> {
  const row: Record<string, unknown> = {}
  for (const [i, { as, show }] of fields.entries()) row[as] = show(image.values[i] ?? null, urls)
  return image.properties === undefined ? row : { ...row, properties: image.properties }
}

type Value = string | number | boolean | null

/** A field of a query and how its values are shown, found out once for all images. */
interface Shown {
  readonly as: string
  readonly show: (value: Value, urls: Urls) => unknown
}

function shownAs(field: ShownField): Shown {
  const { as } = field
  if (field.kind === 'property') return { as, show: (value) => value }
  const { name } = field
  if (name === 'uri' || name === 'http_file_url') return { as, show: (_value, urls) => urls[name] }
  const type = fieldNamed(name)?.type
  if (type === 'words') return { as, show: (value) => (value ? String(value).split(',') : []) }
  if (type !== 'time') return { as, show: (value) => value }
  return { as, show: (value) => (typeof value === 'number' ? new Date(value).toISOString() : value) }
}
