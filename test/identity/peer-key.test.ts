import { chmod, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { CertificateError } from '../../src/core/errors.ts'
import { loadOrCreatePeerKey } from '../../src/identity/peer-key.ts'

const test = suite('peer key')
let dir: string
test.before.each(async () => {
  dir = await mkdtemp(join(tmpdir(), 'bootswarm-peer-key-'))
})
test.after.each(() => rm(dir, { recursive: true, force: true }))

async function refused(path: string, pattern: RegExp): Promise<void> {
  await loadOrCreatePeerKey(path).then(
    () => assert.unreachable('accepted'),
    (error) => {
      assert.instance(error, CertificateError)
      assert.match(error.message, pattern)
    },
  )
}

test('makes an Ed25519 key once, closed to others, and reads it again', async () => {
  const path = join(dir, 'peer.key')
  const key = await loadOrCreatePeerKey(path)
  assert.is(privateKeyFromProtobuf(key).type, 'Ed25519')
  assert.is((await stat(path)).mode & 0o777, 0o600)
  assert.equal(await loadOrCreatePeerKey(path), key)
  assert.equal(await readdir(dir), ['peer.key'])
})

test('gives all who make it at once the same key', async () => {
  const path = join(dir, 'peer.key')
  const keys = await Promise.all(Array.from({ length: 8 }, () => loadOrCreatePeerKey(path)))
  for (const key of keys) assert.equal(key, keys[0])
  assert.equal(await readdir(dir), ['peer.key'])
})

test('refuses a file that others may read, with the line to type', async () => {
  const path = join(dir, 'peer.key')
  await loadOrCreatePeerKey(path)
  await chmod(path, 0o644)
  await refused(path, /chmod 600/)
})

test('refuses a file that holds no key or one of another kind, and leaves it as it is', async () => {
  const path = join(dir, 'peer.key')
  await writeFile(path, 'nothing', { mode: 0o600 })
  await refused(path, /holds no key/)
  await writeFile(path, '')
  await refused(path, /holds/)
  await writeFile(path, privateKeyToProtobuf(await generateKeyPair('secp256k1')))
  await refused(path, /not Ed25519/)
})

test('says when the folder is missing', async () => {
  await loadOrCreatePeerKey(join(dir, 'none', 'peer.key')).then(
    () => assert.unreachable('accepted'),
    (error) => assert.is(error.code, 'ENOENT'),
  )
})

test.run()
