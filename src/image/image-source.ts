import type { CallOptions } from '../core/blockstore.ts'

/** What comes next of an image: bytes that were written into the target, zero bytes that were not, or its end. */
export type SourceStep =
  | { readonly kind: 'data'; readonly bytes: number }
  | { readonly kind: 'hole'; readonly bytes: number }
  | { readonly kind: 'end' }

/** An image that is read once, from its first byte to its last. */
export interface ImageSource {
  /** For messages: the path, or `-`. */
  readonly name: string
  /** Bytes of the image, undefined for a stream. */
  readonly size: number | undefined
  /**
   * Reads into `target` (at least PAGE_BYTES long) or passes over a hole. Holes begin at a multiple of PAGE_BYTES and end
   * at one or at the end of the image. Errors: ConflictError when the image changed while it was read, StorageError, AbortedError.
   */
  next(target: Uint8Array, options?: CallOptions): Promise<SourceStep>
  close(): Promise<void>
}
