import { Readable } from 'node:stream'
import type { StreamEvent } from '../src/api/node-schemas.ts'
import { problemOf } from '../src/api/problem.ts'

/** Time between two progress events. */
const PROGRESS_INTERVAL_MS = 250

/** A long call as lines of JSON: progress now and then, at last what came of it. */
export function eventStream<Progress, Result>(init: {
  progress(): Progress | undefined
  result: Promise<Result>
  /** Told of the error that the last line reports, which may say less. */
  failed(error: unknown): void
}): Readable {
  return Readable.from(lines(init))
}

async function* lines<Progress, Result>(init: {
  progress(): Progress | undefined
  result: Promise<Result>
  failed(error: unknown): void
}): AsyncGenerator<string> {
  const settled = init.result.then(
    (result): StreamEvent<Progress, Result> => ({ event: 'done', result }),
    (error: unknown): StreamEvent<Progress, Result> => {
      init.failed(error)
      return { event: 'error', problem: problemOf(error) }
    },
  )
  for (;;) {
    const progress = init.progress()
    if (progress !== undefined) yield `${JSON.stringify({ event: 'progress', progress })}\n`
    const last = await Promise.race([settled, pause(PROGRESS_INTERVAL_MS)])
    if (last !== undefined) {
      yield `${JSON.stringify(last)}\n`
      return
    }
  }
}

function pause(ms: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(resolve, ms, undefined))
}
