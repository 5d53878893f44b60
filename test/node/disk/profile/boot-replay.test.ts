import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { replayBoot } from '../../../../node/disk/profile/boot-replay.ts'
import type { ByteRange } from '../../../../node/disk/read-ahead.ts'
import type { BootRead } from '../../../../src/core/boot-profile.ts'
import { REPLAY_FLIGHT_BYTES_MAX, REPLAY_STEP_BYTES } from '../../../../src/core/disk-limits.ts'
import { UnreachableError } from '../../../../src/core/errors.ts'

const test = suite('replay of boots')

interface Step {
  readonly ranges: readonly ByteRange[]
  readonly bytes: number
  done(bytes: number): void
  fail(error: Error): void
}

const READS: readonly BootRead[] = Array.from({ length: 100 }, (_, i) => [
  (i % 2) * 2 ** 30 + i * 90_112,
  90_112,
  i,
])

function play(init: { reads?: readonly BootRead[] } = {}) {
  const steps: Step[] = []
  const stopping = new AbortController()
  let fetched = 0
  const ended = replayBoot(init.reads ?? READS, {
    bring: (ranges) => {
      const { promise, resolve, reject } = Promise.withResolvers<number>()
      const bytes = ranges.reduce((sum, { length }) => sum + length, 0)
      steps.push({ ranges, bytes, done: resolve, fail: reject })
      return promise
    },
    fetched: (bytes) => {
      fetched += bytes
    },
    signal: stopping.signal,
  })
  return { steps, stopping, ended, fetched: () => fetched }
}

const settled = () => new Promise((resolve) => setImmediate(resolve))

test('brings in everything once, in order, and so much at a time', async () => {
  const { steps, ended, fetched } = play()
  const brought: ByteRange[] = []
  for (let i = 0; ; i++) {
    await settled()
    const step = steps[i]
    if (step === undefined) break
    assert.ok(step.bytes <= REPLAY_STEP_BYTES)
    const flight = steps.slice(i).reduce((sum, { bytes }) => sum + bytes, 0)
    assert.ok(flight <= REPLAY_FLIGHT_BYTES_MAX)
    brought.push(...step.ranges)
    step.done(10)
  }
  await ended
  assert.is(fetched(), 10 * steps.length)
  let at = 0
  for (const [offset, length] of READS) {
    for (let from = offset; from < offset + length; at++) {
      const range = brought[at]
      assert.is(range?.offset, from)
      from += range?.length ?? 0
    }
  }
  assert.is(at, brought.length)
})

test('begins with one step, and has one more under way for each that has come', async () => {
  const { steps, stopping, ended } = play()
  for (const begun of [1, 3, 5, 7]) {
    await settled()
    assert.is(steps.length, begun)
    steps[(begun - 1) / 2]?.done(1)
  }
  stopping.abort()
  await settled()
  for (const step of steps) step.done(1)
  await ended
})

test('with an error nothing more is begun, and it ends when all that was begun has', async () => {
  const { steps, ended } = play()
  await settled()
  steps[0]?.done(1)
  await settled()
  const begun = steps.length
  steps[1]?.fail(new UnreachableError('nobody has it'))
  let isOver = false
  const over = ended.catch((error: unknown) => {
    isOver = true
    return error
  })
  await settled()
  assert.is(isOver, false)
  for (const step of steps) step.done(1)
  assert.instance(await over, UnreachableError)
  assert.is(steps.length, begun)
})

test('ends when nobody wants it any more', async () => {
  const { steps, stopping, ended } = play()
  await settled()
  const begun = steps.length
  stopping.abort()
  for (const step of steps) step.done(1)
  await ended
  assert.is(steps.length, begun)
})

test.run()
