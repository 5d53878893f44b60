import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { QUOTA_READ_AFTER_MS } from '../../../src/core/registry-limits.ts'
import { QuotaMeter } from '../../../tracker/accounting/quota-meter.ts'
import type { Usage } from '../../../tracker/catalog/quota.ts'
import { failureOf } from '../../fixtures/failure.ts'
import { FakeClock } from '../../fixtures/fake-clock.ts'

const test = suite('quota meter')
const MiB = 1024 * 1024

function meterOf(init: { bytes?: number; uploadingBytes?: number; quota: number | null }) {
  const usage: Usage = {
    ...{ user: 'alice', images: 1, bytes: init.bytes ?? 0, uploadingBytes: init.uploadingBytes ?? 0 },
    quota: { bytes: init.quota, images: null },
  }
  const state = { usage, reads: 0 }
  const clock = new FakeClock()
  const of = async () => {
    state.reads++
    return state.usage
  }
  const meter = new QuotaMeter({ usage: { of }, clock })
  /** Stores as the catalog does: what was stored is part of the usage. */
  const receive = (bytes: number) =>
    meter.receive(1, bytes, async () => {
      await nextTick()
      state.usage = { ...state.usage, uploadingBytes: state.usage.uploadingBytes + bytes }
    })
  return { meter, state, clock, receive }
}

const nextTick = () => new Promise((resolve) => setImmediate(resolve))

test('an upload opens while anything more fits', async () => {
  await meterOf({ bytes: 9, quota: 10 }).meter.open(1)
  const error = await failureOf(meterOf({ bytes: 10, quota: 10 }).meter.open(1))
  assert.is(error.code, 'E_QUOTA')
  assert.match(error.message, /^alice uses 10 of 10 bytes/)
  assert.equal(error.data, { user: 'alice', usedBytes: 10, neededBytes: 1, limitBytes: 10 })
})

test('uploads of one user cannot pass the quota together', async () => {
  const { receive, state } = meterOf({ quota: 10 * MiB })
  const results = await Promise.allSettled(Array.from({ length: 20 }, () => receive(MiB)))
  assert.is(results.filter(({ status }) => status === 'fulfilled').length, 10)
  assert.is(state.usage.uploadingBytes, 10 * MiB)
  assert.is((await failureOf(receive(MiB))).code, 'E_QUOTA')
})

test('what other trackers and earlier requests brought counts', async () => {
  const { receive } = meterOf({ bytes: 4 * MiB, uploadingBytes: 5 * MiB, quota: 10 * MiB })
  await receive(MiB)
  assert.is((await failureOf(receive(MiB))).code, 'E_QUOTA')
})

test('what could not be stored does not count', async () => {
  const { meter, receive } = meterOf({ quota: 2 * MiB })
  const failing = meter.receive(1, 2 * MiB, async () => {
    throw new RangeError('no disk')
  })
  assert.is((await failureOf(failing)).message, 'no disk')
  await receive(2 * MiB)
})

test('reads usage now and then, and before it refuses', async () => {
  const { receive, state, clock } = meterOf({ quota: 100 * MiB })
  for (let i = 0; i < 16; i++) await receive(MiB)
  assert.is(state.reads, 1)
  await clock.advance(QUOTA_READ_AFTER_MS + 1)
  await receive(MiB)
  assert.is(state.reads, 2)
  for (let i = 0; i < 17; i++) await receive(MiB)
  assert.is(state.reads, 3)
  state.usage = { ...state.usage, bytes: 100 * MiB }
  assert.is((await failureOf(receive(100 * MiB))).code, 'E_QUOTA')
  state.usage = { ...state.usage, bytes: 0, uploadingBytes: 0 }
  await receive(90 * MiB)
})

test("nodes of the manifest do not count, and neither does what is nobody's", async () => {
  await meterOf({ quota: 4 * MiB }).receive(4 * MiB + 48 * 1024)
  const { meter, state } = meterOf({ quota: 0 })
  await meter.open(null)
  assert.is(await meter.receive(null, MiB, async () => 'stored'), 'stored')
  assert.is(state.reads, 0)
  await meterOf({ quota: null, bytes: 1e15 }).receive(1e12)
})

test.run()
