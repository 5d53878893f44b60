import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { bootTrace, replayTrace } from '../../../testnet/vm/boot-trace.ts'
import { FakeClock } from '../../fixtures/fake-clock.ts'

const test = suite('boot trace')

/** A disk that takes as long as it is told for each read, in order; when it was asked is kept. */
function slowDisk(clock: FakeClock, answerMs: readonly number[]) {
  const askedMs: number[] = []
  const read = (offset: number, length: number) => {
    const ms = answerMs[askedMs.length] ?? 0
    askedMs.push(clock.monotonic())
    return new Promise<Buffer>((resolve) => clock.after(ms, () => resolve(Buffer.alloc(length, offset))))
  }
  return { read, askedMs }
}

test('holds what a boot read before it was over, with times since its beginning', () => {
  const reads = [
    { seconds: 2.5, doneSeconds: 2.75, offset: 0, length: 4096 },
    { seconds: 3, doneSeconds: Number.POSITIVE_INFINITY, offset: 8192, length: 512 },
    { seconds: 5, doneSeconds: 5.5, offset: 4096, length: 4096 },
  ]
  assert.equal(bootTrace(reads, { begin: 2, end: 4 }), {
    reads: [
      { seconds: 0.5, doneSeconds: 0.75, offset: 0, length: 4096 },
      { seconds: 1, doneSeconds: 2, offset: 8192, length: 512 },
    ],
    seconds: 2,
  })
})

const TRACE = {
  reads: [
    { seconds: 1, doneSeconds: 1.1, offset: 1, length: 10 },
    // While the first is under way.
    { seconds: 1.05, doneSeconds: 1.2, offset: 2, length: 20 },
    // 300 ms after both were answered.
    { seconds: 1.5, doneSeconds: 1.6, offset: 3, length: 30 },
  ],
  seconds: 2,
}

test('a disk that answers as the recorded one did is read at the same times', async () => {
  const clock = new FakeClock()
  const client = slowDisk(clock, [100, 150, 100])
  const replaying = replayTrace(TRACE, { client, clock })
  await clock.advance(10_000)
  const { seconds, bytes } = await replaying
  assert.equal(
    client.askedMs.map((ms) => Math.round(ms)),
    [1000, 1050, 1500],
  )
  assert.is(Math.round(seconds * 1000), 2000)
  assert.equal(
    bytes.map((one) => [one[0], one.length]),
    [
      [1, 10],
      [2, 20],
      [3, 30],
    ],
  )
})

test('a slow answer holds up what waited for it, and thinking takes as long as before', async () => {
  const clock = new FakeClock()
  const client = slowDisk(clock, [100, 1150, 0])
  const replaying = replayTrace(TRACE, { client, clock })
  await clock.advance(10_000)
  const { seconds } = await replaying
  assert.equal(
    client.askedMs.map((ms) => Math.round(ms)),
    [1000, 1050, 2500],
  )
  assert.is(Math.round(seconds * 1000), 2900, '400 ms after the last answer')
})

test('a read that fails ends it', async () => {
  const clock = new FakeClock()
  const client = { read: async () => Promise.reject(new RangeError('nothing there')) }
  const replaying = replayTrace(TRACE, { client, clock }).then(() => '', String)
  await clock.advance(10_000)
  assert.match(await replaying, 'nothing there')
})

test.run()
