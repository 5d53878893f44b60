import { createHash } from 'node:crypto'

/**
 * Shows that who commits an upload has the manifest and not only its CID, which others may have seen: hex sha-256 of the upload's
 * name, a line feed and the octets of the manifest. Good for that upload alone.
 */
export function manifestProof(upload: string, manifest: Uint8Array): string {
  return createHash('sha256').update(`${upload}\n`).update(manifest).digest('hex')
}
