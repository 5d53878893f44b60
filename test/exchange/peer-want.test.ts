import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  AbortedError,
  BusyError,
  IntegrityError,
  NotFoundError,
  ProtocolError,
  StorageError,
  TimeoutError,
  UnreachableError,
} from '../../src/core/errors.ts'
import { faultOf, requestBlocks, retryMsOf } from '../../src/exchange/peer-want.ts'
import { runWant } from '../../src/exchange/run-fetch.ts'
import type { SessionPeer } from '../../src/exchange/session-peer.ts'

const test = suite('peer want')

test('an error says what the peer is to blame for, and one that is not of the exchange nothing of it', () => {
  assert.is(faultOf(new IntegrityError('')), 'wrong')
  assert.is(faultOf(new ProtocolError('')), 'wrong')
  assert.is(faultOf(new BusyError('')), 'busy')
  assert.is(faultOf(new NotFoundError('')), 'lacks')
  assert.is(faultOf(new TimeoutError('')), 'timeout')
  assert.is(faultOf(new UnreachableError('')), 'gone')
  assert.is(faultOf(new AbortedError('')), 'gone')
  assert.is(faultOf(new StorageError('')), 'ours')
  assert.is(faultOf('thrown'), 'ours')
})

test('a busy peer says when to come back', () => {
  assert.is(retryMsOf(new BusyError('', { data: { retryMs: 70 } })), 70)
  assert.is(retryMsOf(new BusyError('')), 0)
  assert.is(retryMsOf(new TimeoutError('')), 0)
})

test('blocks are asked for by run, or by their digests', () => {
  const asked: unknown[] = []
  const answer = { request: 1, answer: new Promise(() => {}) }
  const ask = (what: unknown) => {
    asked.push(what)
    return answer
  }
  const peer = { id: 7, connection: { want: ask, wantDigests: ask } } as unknown as SessionPeer
  const digests = [Uint8Array.of(1), Uint8Array.of(2), Uint8Array.of(3)]
  const want = runWant(4, { digests, lengths: [1, 1, 1] }, [0, 2])
  for (const byDigest of [false, true]) requestBlocks(peer, want, { byDigest, class: 'boot' })
  assert.equal(asked, [
    { id: 7, run: 4, missing: Uint8Array.of(0b101), class: 'boot' },
    { id: 7, digests: [digests[0], digests[2]], class: 'boot' },
  ])
})

test.run()
