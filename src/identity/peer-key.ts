import { randomUUID } from 'node:crypto'
import { link, open, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import { CertificateError } from '../core/errors.ts'
import { readKeyFile } from './files.ts'

/**
 * Ed25519 key of a peer as the libp2p protobuf of a private key; made on first use. The file has mode 0600 and is
 * there completely or not at all; of two processes that make it at once both get the same key.
 * Throws CertificateError when others may read it or when it holds no Ed25519 key.
 */
export async function loadOrCreatePeerKey(path: string): Promise<Uint8Array> {
  try {
    return await load(path)
  } catch (error) {
    if (!isMissing(error)) throw error
  }
  await create(path)
  return await load(path)
}

async function load(path: string): Promise<Uint8Array> {
  const bytes = await readKeyFile(path, 'peer key file')
  let type: string
  try {
    type = privateKeyFromProtobuf(bytes).type
  } catch (cause) {
    throw new CertificateError(
      `peer key file ${path} holds no key; restore it, or remove it to become a new peer`,
      {
        cause,
      },
    )
  }
  if (type !== 'Ed25519') throw new CertificateError(`peer key file ${path} holds a key that is not Ed25519`)
  return new Uint8Array(bytes)
}

async function create(path: string): Promise<void> {
  const bytes = privateKeyToProtobuf(await generateKeyPair('Ed25519'))
  const temporary = `${path}.${randomUUID()}.new`
  const file = await open(temporary, 'wx', 0o600)
  try {
    await file.writeFile(bytes)
    await file.sync()
    await link(temporary, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    await file.close()
    await unlink(temporary)
  }
  await syncFolder(dirname(path))
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

function isMissing(error: unknown): boolean {
  return (
    error instanceof CertificateError && (error.cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT'
  )
}
