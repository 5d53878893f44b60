import type { NodeVerifyFlags } from './node-verify.ts'

export interface ImageVerifyFlags extends NodeVerifyFlags {
  readonly local?: true
  /** Path of a signed record. */
  readonly record?: string
  /** CID of a manifest. */
  readonly manifest?: string
  /** Path of a folder with a proof. */
  readonly files?: string
  /** Path of the bytes to compare with it. */
  readonly file?: string
  /** Date as of which certificates are judged. */
  readonly at?: string
}
