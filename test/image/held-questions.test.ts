import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Digest } from '../../src/core/cid.ts'
import { HeldQuestions } from '../../src/image/held-questions.ts'

const init = { call: {}, together: 4 }
const test = suite('held questions')
const digest = (n: number) => new Uint8Array(32).fill(n)

function sinkOf(held: ReadonlySet<number>) {
  const calls: number[] = []
  const has = async (digests: readonly Digest[]) => {
    calls.push(digests.length)
    return digests.map((one) => held.has(one[0] ?? 0))
  }
  return { calls, sink: { has } }
}

test('asks for several batches at once and gives each its own answers', async () => {
  const { calls, sink } = sinkOf(new Set([2, 5, 7]))
  const questions = new HeldQuestions({ sink }, init)
  const answers = await Promise.all(
    [[1, 2, 3], [4], [5, 6], [7, 8]].map((batch) => questions.ask(batch.map(digest))),
  )
  assert.equal(answers, [[false, true, false], [false], [true, false], [true, false]])
  assert.equal(calls, [8])
})

test('a question without company is asked too', async () => {
  const { calls, sink } = sinkOf(new Set([1]))
  assert.equal(await new HeldQuestions({ sink }, init).ask([digest(1)]), [true])
  assert.equal(calls, [1])
})

test('a failure reaches everybody who asked, and nobody after them', async () => {
  const failure = new RangeError('no')
  let fails = true
  const has = async () => {
    if (fails) throw failure
    return [true]
  }
  const questions = new HeldQuestions({ sink: { has } }, init)
  const asked = await Promise.allSettled([questions.ask([digest(1)]), questions.ask([digest(2)])])
  assert.equal(
    asked.map((result) => result.status === 'rejected' && result.reason === failure),
    [true, true],
  )
  fails = false
  assert.equal(await questions.ask([digest(3)]), [true])
})

test.run()
