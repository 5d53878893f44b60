import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Channel } from '../../src/core/carrier.ts'
import { BootswarmError } from '../../src/core/errors.ts'
import { JWS_BYTES_MAX } from '../../src/core/limits.ts'
import type { PeerKey } from '../../src/core/router.ts'
import { passFrame, readPass } from '../../src/p2p/pass-frame.ts'
import { failureOf } from '../fixtures/failure.ts'

const test = suite('pass frames')

/** A channel that gives these pieces and closes. */
function channelOf(pieces: readonly Uint8Array[]): Channel {
  return {
    ...{ peer: 'peer' as PeerKey, inbound: true, send: () => true, abort: () => {} },
    async *receive() {
      yield* pieces
    },
    async drained() {},
    async close() {},
  }
}

test('a pass is read however its frame is cut', async () => {
  const token = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 300 })
  await fc.assert(
    fc.asyncProperty(token, fc.integer({ min: 1, max: 50 }), async (text, size) => {
      const frame = passFrame(text)
      const pieces = Array.from({ length: Math.ceil(frame.length / size) }, (_, i) =>
        frame.subarray(i * size, (i + 1) * size),
      )
      assert.is(await readPass(channelOf(pieces)), text)
    }),
  )
})

test('none, too long, cut off or no text: each is refused', async () => {
  const long = new Uint8Array(4)
  new DataView(long.buffer).setUint32(0, JWS_BYTES_MAX + 1, true)
  const codeOf = async (...pieces: Uint8Array[]) => (await failureOf(readPass(channelOf(pieces)))).code
  assert.is(await codeOf(passFrame(undefined)), 'E_GRANT')
  assert.is(await codeOf(long), 'E_PROTOCOL')
  assert.is(await codeOf(passFrame('a pass').subarray(0, 8)), 'E_PROTOCOL')
  assert.is(await codeOf(), 'E_PROTOCOL')
  assert.is(await codeOf(Uint8Array.from([2, 0, 0, 0, 0xff, 0xff])), 'E_PROTOCOL')
})

test('any bytes are a pass or a typed error', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 5 }), async (pieces) => {
      try {
        assert.type(await readPass(channelOf(pieces)), 'string')
      } catch (error) {
        assert.instance(error, BootswarmError)
      }
    }),
  )
})

test.run()
