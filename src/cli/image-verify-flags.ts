import type { NodeVerifyFlags } from './node-verify.ts'

export interface ImageVerifyFlags extends NodeVerifyFlags {
  readonly local?: true
  /** Path of a signed record. */
  readonly record?: string
  /** CID of a manifest. */
  readonly manifest?: string
}
