import type { StoredVersion } from '../catalog/image-rows.ts'

/** Bytes `start` to `end` (exclusive) of a version. */
export interface ImageRange {
  readonly version: Pick<StoredVersion, 'namespace' | 'name' | 'manifest'>
  readonly start: number
  readonly end: number
}
