import { type Kysely, sql } from 'kysely'
import { METADATA_FIELDS } from '../../src/core/metadata.ts'
import type { Order, Query, ShownField } from '../../src/core/query.ts'
import type { ImageName, Namespace } from '../../src/core/reference.ts'
import { QUERY_BATCH_ROWS, QUERY_ROWS_DEFAULT } from '../../src/core/registry-limits.ts'
import type { Asker } from '../access/asker.ts'
import type { Db } from '../catalog/db.ts'
import type { CatalogSchema } from '../catalog/schema.ts'
import { columnOf, FROM_IMAGES, tableField } from './columns.ts'
import { conditionOf, type SqlCondition } from './conditions.ts'
import { type PatternCondition, PatternFilter } from './pattern-filter.ts'
import { type Part, readable } from './visibility.ts'

/** An image that was found. */
export interface FoundImage {
  readonly id: number
  readonly namespace: Namespace
  readonly name: ImageName
  /** What the query shows, in its order; times in milliseconds, flags as true and false. */
  readonly values: readonly (string | number | boolean | null)[]
  /** All free pairs, where the query shows everything. */
  readonly properties: Readonly<Record<string, string>> | undefined
}

export interface SearchResult {
  readonly fields: readonly ShownField[]
  readonly images: readonly FoundImage[]
  /** How many images come before the next page; null on the last. */
  readonly next: number | null
}

/** What `*` shows. */
const EVERY_FIELD: readonly ShownField[] = METADATA_FIELDS.map(({ name }) => ({
  kind: 'field',
  name,
  as: name,
}))

type Row = Record<string, string | number | null> & { id: number; namespace: string; name: string }

/** Answers queries over the images that an asker may read. */
export class ImageSearch {
  readonly #db: Kysely<CatalogSchema>

  constructor(components: { db: Kysely<CatalogSchema> }) {
    this.#db = components.db
  }

  /** Errors: LimitError when the regular expressions of the query cost too much. */
  async search(asker: Asker, query: Query, now: { nowMs: number }): Promise<SearchResult> {
    const { limit = QUERY_ROWS_DEFAULT, offset = 0, fields = EVERY_FIELD } = query
    const statement = statementOf(query, { fields, readable: readable(asker, now.nowMs) })
    const patterns = query.where.filter((condition) => condition.test === 'matches')
    // One more than is wanted tells whether there is a next page.
    const page = { limit: limit + 1, offset }
    const rows =
      patterns.length === 0
        ? await this.#rows(statement, page)
        : await this.#matching(statement, patterns, page)
    const shown = rows.slice(0, limit)
    const properties = query.fields === undefined ? await propertiesOf(this.#db, shown) : undefined
    const columns = fields.map((field, i) => ({ name: `f${i}`, isFlag: tableField(field)?.type === 'flag' }))
    const images = shown.map((row) => foundImage(row, columns, properties))
    return { fields, images, next: rows.length > limit ? offset + limit : null }
  }

  async #rows(statement: Part<Row>, page: { limit: number; offset: number }): Promise<Row[]> {
    const { rows } = await sql<Row>`${statement} limit ${page.limit} offset ${page.offset}`.execute(this.#db)
    return rows
  }

  /** Rows that the patterns accept, looked at in batches until the page is full. */
  async #matching(
    statement: Part<Row>,
    patterns: readonly PatternCondition[],
    page: { limit: number; offset: number },
  ): Promise<Row[]> {
    const filter = new PatternFilter(patterns)
    const found: Row[] = []
    let before = page.offset
    for (let offset = 0; ; offset += QUERY_BATCH_ROWS) {
      const batch = await this.#rows(statement, { limit: QUERY_BATCH_ROWS, offset })
      for (const row of batch) {
        const texts = patterns.map((_, i) => String(row[`p${i}`] ?? ''))
        if (!(await filter.accepts(texts))) continue
        if (before > 0) before--
        else if (found.push(row) === page.limit) return found
      }
      if (batch.length < QUERY_BATCH_ROWS) return found
    }
  }
}

/** Everything but limit and offset: values of fields as f0, f1 …, texts for the patterns as p0, p1 … */
function statementOf(query: Query, init: { fields: readonly ShownField[]; readable: Part }): Part<Row> {
  const patterns = query.where.filter((condition) => condition.test === 'matches')
  const columns = [
    ...['id', 'namespace', 'name'].map((name) => sql`${sql.ref(`images.${name}`)}`),
    ...init.fields.map((field, i) => sql`${columnOf(field)} as ${sql.id(`f${i}`)}`),
    ...patterns.map(({ field }, i) => sql`${columnOf(field)} as ${sql.id(`p${i}`)}`),
  ]
  const others = query.where.filter((condition): condition is SqlCondition => condition.test !== 'matches')
  const where = [init.readable, ...others.map(conditionOf)]
  return sql<Row>`select ${sql.join(columns)} ${FROM_IMAGES} and ${sql.join(where, sql` and `)}
    order by ${orderOf(query.order)}images.namespace, images.name`
}

/** What is not set comes last both ways, on every database. */
function orderOf(order: Order | undefined): Part<unknown> {
  if (order === undefined) return sql``
  const column = columnOf(order.field)
  const type = tableField(order.field)?.type ?? 'text'
  const isText = type === 'text' || type === 'words' || type === 'enum'
  const unset = isText ? sql`${column} = ''` : sql`${column} is null`
  const direction = order.descending ? sql` desc` : sql``
  return sql`case when ${unset} then 1 else 0 end, ${column}${direction}, `
}

interface Column {
  readonly name: string
  readonly isFlag: boolean
}

function foundImage(
  row: Row,
  columns: readonly Column[],
  properties: ReadonlyMap<number, Record<string, string>> | undefined,
): FoundImage {
  const values = columns.map((column) => {
    const value = row[column.name] ?? null
    return column.isFlag ? value === 1 : value
  })
  const { id, namespace, name } = row
  const pairs = properties === undefined ? undefined : (properties.get(id) ?? {})
  return { id, namespace: namespace as Namespace, name: name as ImageName, values, properties: pairs }
}

/** Ids in one statement: SQLite takes 32,766 values. */
const IDS_PER_STATEMENT = 5000

async function propertiesOf(db: Db, rows: readonly Row[]): Promise<Map<number, Record<string, string>>> {
  const found = new Map<number, Record<string, string>>()
  for (let at = 0; at < rows.length; at += IDS_PER_STATEMENT) {
    const ids = rows.slice(at, at + IDS_PER_STATEMENT).map(({ id }) => id)
    const query = db.selectFrom('image_properties').selectAll().where('image', 'in', ids)
    const byImage = Map.groupBy(await query.orderBy('key').execute(), ({ image }) => image)
    // Whatever a key is called, __proto__ too, it becomes a property of its own.
    for (const [image, pairs] of byImage)
      found.set(image, Object.fromEntries(pairs.map(({ key, value }) => [key, value])))
  }
  return found
}
