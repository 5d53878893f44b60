import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { GcAnswer } from '../../../src/api/tracker-schemas.ts'
import type { CallOptions } from '../../../src/core/blockstore.ts'
import { StorageError } from '../../../src/core/errors.ts'
import { type Log, silentLog } from '../../../src/core/log.ts'
import { CollectionTimer } from '../../../tracker/uploads/collection-timer.ts'
import { FakeClock } from '../../fixtures/fake-clock.ts'

const test = suite('collection timer')
const ANSWER: GcAnswer = { expiredUploads: 0, blocksDeleted: 1, nodesDeleted: 2, freedBytes: 3 }

/** A collector that works until the test lets it end. */
function slowCollector() {
  const runs: { end: PromiseWithResolvers<GcAnswer>; signal: AbortSignal | undefined }[] = []
  const collect = (options: CallOptions = {}) => {
    const end = Promise.withResolvers<GcAnswer>()
    runs.push({ end, signal: options.signal })
    return end.promise
  }
  return { runs, collector: { collect } }
}

function recorder(): { lines: unknown[]; log: Log } {
  const lines: unknown[] = []
  const note = (...line: unknown[]) => void lines.push(line)
  return { lines, log: { ...silentLog, info: note, error: note } as Log }
}

test('collects after each interval, never two at once, and says what it freed', async () => {
  const clock = new FakeClock()
  const { runs, collector } = slowCollector()
  const { lines, log } = recorder()
  const timer = new CollectionTimer({ collector, clock, log }, { intervalSeconds: 10 })
  await clock.advance(9_999)
  assert.is(runs.length, 0)
  await clock.advance(1)
  assert.is(runs.length, 1)
  await clock.advance(60_000)
  assert.is(runs.length, 1)
  runs[0]?.end.resolve(ANSWER)
  await clock.advance(9_999)
  assert.equal(lines, [[ANSWER, 'garbage collected']])
  assert.is(runs.length, 1)
  await clock.advance(10_000)
  assert.is(runs.length, 2)
  runs[1]?.end.reject(new StorageError('broken'))
  await clock.advance(10_000)
  assert.is(lines.length, 2)
  assert.is(runs.length, 3, 'goes on after a failure')
  runs[2]?.end.resolve(ANSWER)
  await timer.stop()
  assert.is(clock.pending, 0)
})

test('breaks off what runs when it is stopped, and begins nothing more', async () => {
  const clock = new FakeClock()
  const { runs, collector } = slowCollector()
  const timer = new CollectionTimer({ collector, clock, log: silentLog }, { intervalSeconds: 10 })
  await clock.advance(10_000)
  const stopped = timer.stop()
  const [run] = runs
  assert.is(run?.signal?.aborted, true)
  run?.end.reject(run.signal?.reason)
  await stopped
  assert.is(clock.pending, 0)
})

test('an interval of 0 is never', async () => {
  const clock = new FakeClock()
  const { collector } = slowCollector()
  const timer = new CollectionTimer({ collector, clock, log: silentLog }, { intervalSeconds: 0 })
  assert.is(clock.pending, 0)
  await timer.stop()
})

test.run()
