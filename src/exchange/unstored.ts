import type { Frame } from '../core/frame.ts'

/** Verified frames that a full store could not take. */
export interface UnstoredFrames {
  readonly frames: readonly Frame[]
  /** Stores them and tells of it. Resolves with their uncompressed bytes. Errors: those of the store. */
  store(): Promise<number>
}

/**
 * What was read while the store was full. Peers give hardly anything twice to who was given it already, so it is kept, within a bound, until it can be stored; while anything is kept
 * nothing more is to be asked for.
 */
export class Unstored {
  readonly #bytesMax: number
  #kept: UnstoredFrames[] = []
  #bytes = 0
  #storing: Promise<number> | undefined

  constructor(init: { bytesMax: number }) {
    this.#bytesMax = init.bytesMax
  }

  /** Memory that is kept. */
  get bytes(): number {
    return this.#bytes
  }

  /** What is beyond the bound is dropped. */
  keep(of: UnstoredFrames): void {
    const bytes = memoryOf(of.frames)
    if (bytes === 0 || this.#bytes + bytes > this.#bytesMax) return
    this.#kept.push(of)
    this.#bytes += bytes
  }

  /**
   * Stores what is kept, once for all who call meanwhile. Resolves with the uncompressed bytes, for the first of them. Errors: those of the store; what it has not taken stays.
   */
  async store(): Promise<number> {
    if (this.#storing !== undefined) {
      await this.#storing
      return 0
    }
    if (this.#kept.length === 0) return 0
    this.#storing = this.#storeAll().finally(() => {
      this.#storing = undefined
    })
    return await this.#storing
  }

  /** It is not wanted any more. */
  clear(): void {
    this.#kept = []
    this.#bytes = 0
  }

  async #storeAll(): Promise<number> {
    let bytes = 0
    for (let next = this.#kept[0]; next !== undefined; next = this.#kept[0]) {
      bytes += await next.store()
      if (this.#kept[0] !== next) break
      this.#kept.shift()
      this.#bytes -= memoryOf(next.frames)
    }
    return bytes
  }
}

/** Frames keep all of the buffer that they lie in, which those of one answer share. */
function memoryOf(frames: readonly Frame[]): number {
  const buffers = new Set(frames.map(({ bytes }) => bytes.buffer))
  return [...buffers].reduce((sum, { byteLength }) => sum + byteLength, 0)
}
