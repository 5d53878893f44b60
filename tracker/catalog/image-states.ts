import type { ExpressionBuilder } from 'kysely'
import { type ImageEvent, stateAfter } from '../../src/core/image-state.ts'
import { IMAGE_STATES } from '../../src/core/permission.ts'
import type { Db } from './db.ts'
import { type Change, writeHistory } from './history-catalog.ts'
import type { CatalogSchema } from './schema.ts'

type Images = ExpressionBuilder<CatalogSchema, 'images'>

/**
 * Lets an event change the state of an image, in one statement. False, and nothing changed, where it is not possible. `by`: whose
 * doing goes into the history.
 */
export async function stepState(
  db: Db,
  image: number,
  init: { event: ImageEvent; by?: Change },
): Promise<boolean> {
  const { event, by } = init
  const before = by === undefined ? undefined : await subjectOf(db, image)
  const { numUpdatedRows } = await db
    .updateTable('images')
    .set((eb) => ({ state: stateExpression(eb, event) }))
    .where('id', '=', image)
    .where((eb) => isPossible(eb, event))
    .executeTakeFirstOrThrow()
  const after = by === undefined ? undefined : await subjectOf(db, image)
  if (by !== undefined && before !== undefined && after !== undefined && before.state !== after.state) {
    const details = { from: before.state, to: after.state }
    await writeHistory(db, after, { ...by, action: 'state', details })
  }
  return numUpdatedRows > 0n
}

async function subjectOf(db: Db, image: number) {
  const query = db.selectFrom('images').select(['uuid', 'namespace', 'name', 'state']).where('id', '=', image)
  return await query.executeTakeFirst()
}

/** The state after the event, as SQL over a row of images before it. */
export function stateExpression(eb: Images, event: ImageEvent) {
  const [first, ...rest] = changes(event)
  if (first === undefined) return eb.ref('state')
  let cases = eb.case().when(isIn(eb, first)).then(first.next)
  for (const change of rest) cases = cases.when(isIn(eb, change)).then(change.next)
  return cases.else(eb.ref('state')).end()
}

export function isPossible(eb: Images, event: ImageEvent) {
  const impossible = STANDS.filter(
    ({ state, hasBytes }) => stateAfter(state, event, { hasBytes }) === undefined,
  )
  return eb.and(impossible.map((stand) => eb.not(isIn(eb, stand))))
}

const STANDS = IMAGE_STATES.flatMap((state) => [
  { state, hasBytes: true },
  { state, hasBytes: false },
])

function changes(event: ImageEvent) {
  return STANDS.flatMap((stand) => {
    const next = stateAfter(stand.state, event, stand)
    return next === undefined || next === stand.state ? [] : [{ ...stand, next }]
  })
}

function isIn(eb: Images, stand: (typeof STANDS)[number]) {
  return eb.and([eb('state', '=', stand.state), eb('uploaded_at', stand.hasBytes ? 'is not' : 'is', null)])
}
