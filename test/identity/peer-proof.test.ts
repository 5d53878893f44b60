import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { BootswarmError } from '../../src/core/errors.ts'
import { checkPeerProof } from '../../src/core/peer-proof.ts'
import type { PeerKey } from '../../src/core/router.ts'
import { peerOfKey, signPeerProof, verifyPeerProof } from '../../src/identity/peer-proof.ts'
import { failureOf } from '../fixtures/failure.ts'
import { newPeerKey } from '../fixtures/hosts.ts'

const test = suite('proof of a peer key')
const key = await newPeerKey()
const peer = peerOfKey(key)
const nowMs = Date.UTC(2030, 0, 1)
const claims = { dn: '/O=Example/OU=nodes/CN=a', aud: 'tracker.testnet', iat: nowMs / 1000 }
const use = { dn: claims.dn, peer, audience: new Set([claims.aud]), nowMs }

test('says whose a key is, and nobody else can say it', async () => {
  const token = await signPeerProof(key, claims)
  const proof = await verifyPeerProof(token, peer)
  assert.equal(proof, { ...claims, peer })
  checkPeerProof(proof, use)
  const other = peerOfKey(await newPeerKey())
  assert.is((await failureOf(verifyPeerProof(token, other))).code, 'E_SIGNATURE')
})

test('counts for one certificate, one tracker and some minutes', async () => {
  const proof = await verifyPeerProof(await signPeerProof(key, claims), peer)
  const refused: [object, RegExp][] = [
    [{ dn: '/CN=other' }, /another certificate/],
    [{ peer: 'other' as PeerKey }, /another peer/],
    [{ audience: new Set(['elsewhere']) }, /another tracker/],
    [{ nowMs: nowMs + 301_000 }, /not fresh/],
    [{ nowMs: nowMs - 61_000 }, /not fresh/],
  ]
  for (const [change, message] of refused)
    assert.throws(() => checkPeerProof(proof, { ...use, ...change }), message)
  checkPeerProof(proof, { ...use, nowMs: nowMs + 299_000 })
})

test('a peer ID has one spelling and an Ed25519 key', async () => {
  const token = await signPeerProof(key, claims)
  const secp = '16Uiu2HAmKjrKqSxpWu5Z7SKGPPwDmMMSA1bVvJxKLr6wXfvnZKpH'
  for (const name of ['', 'x', secp, 'QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N', `${peer}1`]) {
    assert.is((await failureOf(verifyPeerProof(token, name as PeerKey))).code, 'E_INVALID', name)
  }
})

test('any text is refused with a typed error', async () => {
  const token = await signPeerProof(key, claims)
  const changed = fc
    .tuple(fc.nat(token.length - 1), fc.string({ minLength: 1, maxLength: 3 }))
    .map(([at, text]) => {
      return token.slice(0, at) + text + token.slice(at + 1)
    })
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.string(), changed), async (text) => {
      if (text === token) return
      try {
        assert.equal(await verifyPeerProof(text, peer), { ...claims, peer })
      } catch (error) {
        assert.instance(error, BootswarmError)
      }
    }),
  )
})

test.run()
