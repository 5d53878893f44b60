import type { OpenedPart } from './open-pieces.ts'

/** Where an image is written to, from its first byte to its last. */
export interface ImageTarget {
  /** Writes consecutive parts. Errors: StorageFullError, StorageError. */
  write(parts: readonly OpenedPart[]): Promise<void>
  /** Makes what was written durable and, for a file, gives it its name. */
  finish(): Promise<void>
  /** After an error: a file that is not complete goes away. Never throws. */
  abort(): Promise<void>
}
