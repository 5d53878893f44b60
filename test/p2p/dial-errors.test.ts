import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { AbortedError, TimeoutError, UnreachableError } from '../../src/core/errors.ts'
import type { PeerKey } from '../../src/core/router.ts'
import { dialError } from '../../src/p2p/dial-errors.ts'

const PEER = 'peer' as PeerKey

const test = suite('dial errors')

test('tell what happened to the peer', () => {
  assert.match(String(dialError(named('EncryptionFailedError'), PEER, undefined)), 'did not prove to be peer')
  assert.match(String(dialError(named('UnsupportedProtocolError'), PEER, undefined)), 'does not speak')
  assert.instance(dialError(named('TimeoutError'), PEER, undefined), TimeoutError)
  const refused = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })
  assert.instance(dialError(refused, PEER, undefined), UnreachableError)
})

test('sum up the attempts at several addresses', () => {
  const timeouts = new AggregateError([named('TimeoutError'), named('TimeoutError')])
  assert.instance(dialError(timeouts, PEER, undefined), TimeoutError)
  const mixed = new AggregateError([named('TimeoutError'), named('ConnectionFailedError')])
  assert.instance(dialError(mixed, PEER, undefined), UnreachableError)
})

test('leave alone what is not known', () => {
  const defects = [new TypeError('a defect'), new AggregateError([named('TimeoutError'), new TypeError('x')])]
  for (const defect of [...defects, 'text', undefined]) assert.is(dialError(defect, PEER, undefined), defect)
})

test('say that the caller stopped it, whatever libp2p made of that', () => {
  const signal = AbortSignal.abort()
  assert.instance(dialError(named('UnsupportedProtocolError'), PEER, signal), AbortedError)
  assert.instance(dialError(named('AbortError'), PEER, new AbortController().signal), TimeoutError)
})

function named(name: string): Error {
  return Object.assign(new Error(name), { name })
}

test.run()
