import * as dagCbor from '@ipld/dag-cbor'
import { base32 } from 'multiformats/bases/base32'
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import * as multihash from 'multiformats/hashes/digest'
import { sha256 } from 'multiformats/hashes/sha2'
import { DIGEST_BYTES, type Digest } from './digest.ts'
import { InvalidError } from './errors.ts'

export { DIGEST_BYTES, type Digest, digestOf } from './digest.ts'

/** Lower-case hex of a digest, for maps and logs. */
export type DigestKey = string & { readonly __brand: 'DigestKey' }

/** Text form (base32) of the CID of a manifest; names an image version's bytes. */
export type ManifestId = string & { readonly __brand: 'ManifestId' }

export function digestKey(digest: Digest): DigestKey {
  return Buffer.from(digest.buffer, digest.byteOffset, digest.byteLength).toString('hex') as DigestKey
}

/** CIDv1, raw codec: names a block. */
export function blockCid(digest: Digest): CID {
  return CID.createV1(raw.code, multihash.create(sha256.code, digest))
}

/** CIDv1, dag-cbor codec: names a manifest or a segment. */
export function nodeCid(digest: Digest): CID {
  return CID.createV1(dagCbor.code, multihash.create(sha256.code, digest))
}

/** Digest inside a CID that one of the two functions above made. Throws InvalidError on any other CID. */
export function digestOfCid(cid: CID): Digest {
  const known = cid.version === 1 && (cid.code === raw.code || cid.code === dagCbor.code)
  if (!known || cid.multihash.code !== sha256.code || cid.multihash.digest.length !== DIGEST_BYTES) {
    throw new InvalidError(`not a CID of ours: ${cid.toString().slice(0, 100)}`)
  }
  return cid.multihash.digest
}

export function manifestIdOf(digest: Digest): ManifestId {
  return nodeCid(digest).toString(base32) as ManifestId
}

/** Digest of the manifest that `id` names. Throws InvalidError when `id` is not a manifest's CID. */
export function parseManifestId(id: string): Digest {
  let cid: CID
  try {
    cid = CID.parse(id.slice(0, 128), base32)
  } catch (cause) {
    throw new InvalidError('not a manifest CID', { cause })
  }
  if (cid.code !== dagCbor.code) throw new InvalidError('not a manifest CID: wrong codec')
  const digest = digestOfCid(cid)
  if (manifestIdOf(digest) !== id) throw new InvalidError('not a manifest CID in canonical form')
  return digest
}
