import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Channel } from '../../src/core/carrier.ts'
import { EXCHANGE_DRAIN_TIMEOUT_MS } from '../../src/core/limits.ts'
import type { PeerKey } from '../../src/core/router.ts'
import { Connection } from '../../src/exchange/connection.ts'
import type { PassBook } from '../../src/identity/pass-book.ts'
import { BufferPool } from '../../src/util/buffer-pool.ts'
import { testBook, testPass } from '../fixtures/admission.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'

const test = suite('connection')

/** A channel to a peer that reads nothing. */
function fullChannel(): Channel {
  const gone = Promise.withResolvers<void>()
  gone.promise.catch(() => {})
  return {
    ...{ peer: 'deaf' as PeerKey, inbound: true, send: () => false },
    drained: () => gone.promise,
    async *receive() {},
    async close() {},
    abort: (reason) => gone.reject(reason),
  }
}

test('a peer that does not read is dropped after a while', async () => {
  const clock = new FakeClock()
  let reason: Error | undefined
  const connection = new Connection({
    ...{ channel: fullChannel(), clock, buffers: new BufferPool({ bytes: 1, keepMax: 0 }) },
    admission: testBook({ clock, peer: 'own' }),
    events: { asked() {}, have() {}, closed: (_, error) => (reason = error) },
  })
  const drained = connection.drained().then(
    () => 'drained',
    () => 'gone',
  )
  await clock.advance(EXCHANGE_DRAIN_TIMEOUT_MS - 1)
  assert.is(connection.closed, false)
  await clock.advance(1)
  assert.ok(connection.closed)
  assert.is((reason as { code?: string } | undefined)?.code, 'E_TIMEOUT')
  assert.is(await drained, 'gone')
  assert.is(clock.pending, 0)
})

test('closes its side when the other side has closed', async () => {
  let closed = 0
  const channel = {
    ...fullChannel(),
    async close() {
      closed++
    },
  }
  const connection = new Connection({
    admission: testBook({ clock: new FakeClock(), peer: 'own' }),
    ...{ channel, clock: new FakeClock(), buffers: new BufferPool({ bytes: 1, keepMax: 0 }) },
    events: { asked() {}, have() {}, closed() {} },
  })
  connection.start('test')
  await new Promise((resolve) => setImmediate(resolve))
  assert.ok(connection.closed)
  assert.is(closed, 1)
})

test('a swarm is opened behind our hello where the carrier has shown who answers, and not before', async () => {
  const clock = new FakeClock(Date.now())
  const dialled = (book: PassBook, inbound = false) => {
    const events = { asked() {}, have() {}, closed() {} }
    const channel = { ...fullChannel(), inbound }
    const buffers = new BufferPool({ bytes: 1, keepMax: 0 })
    return new Connection({ channel, clock, buffers, admission: book, events })
  }
  const stranger = testBook({ clock, peer: 'own' })
  assert.is(dialled(stranger).mayOpen, false)
  const known = testBook({ clock, peer: 'own' })
  await known.admit('deaf' as PeerKey, testPass('deaf'))
  assert.is(dialled(known).mayOpen, true)
  // Whoever was dialled speaks second.
  assert.is(dialled(known, true).mayOpen, false)
})

test.run()
