import { HAVE_PARTS_RUNS_MAX } from '../core/limits.ts'
import { HAVE_RUNS_MAX } from '../wire/message-codec.ts'
import type { Have, HaveParts } from '../wire/message-types.ts'

/** Runs that are held, in as many messages as they need. */
export function* haveMessages(have: {
  readonly id: number
  readonly byOpener: boolean
  readonly runs: readonly number[]
}): Generator<Have> {
  for (let i = 0; i < have.runs.length; i += HAVE_RUNS_MAX)
    yield { type: 'have', ...have, runs: have.runs.slice(i, i + HAVE_RUNS_MAX) }
}

/** Parts of runs that are held (bit k: part k), by run, in as many messages as they need. */
export function* havePartsMessages(id: number, parts: ReadonlyMap<number, number>): Generator<HaveParts> {
  const all = [...parts]
  for (let i = 0; i < all.length; i += HAVE_PARTS_RUNS_MAX) {
    const some = all.slice(i, i + HAVE_PARTS_RUNS_MAX)
    const held = Uint8Array.from(some, ([, mask]) => mask)
    yield { type: 'haveParts', id, runs: some.map(([run]) => run), parts: held }
  }
}
