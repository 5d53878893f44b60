import { statfs } from 'node:fs/promises'
import type { BlockStore } from '../../src/core/blockstore.ts'
import type { Clock } from '../../src/core/clock.ts'
import {
  FILL_LOOK_MS,
  FILL_RESERVE_BYTES,
  FILL_RESERVE_BYTES_MAX,
  FILL_RESERVE_SHARE,
  FILL_RESERVE_SHARE_MAX,
  FILL_RESUME_SHARE,
  FILL_STORE_SHARE,
} from '../../src/core/disk-limits.ts'
import type { Log } from '../../src/core/log.ts'

export interface FillRoomComponents {
  readonly blocks: Pick<BlockStore, 'stat'>
  readonly clock: Clock
  readonly log: Log
}

interface FillRoomInit {
  /** Where the store is. */
  readonly dir: string
  readonly storedBytesMax: number | undefined
}

/** Whether there is room for what nobody has read yet. What is left below that is for machines that read. */
export interface Room {
  /** There is, as far as is known: not before the first look. */
  readonly isOpen: boolean
  /** Why there is none. */
  readonly reason: string | undefined
  /** Looks now and then, until the returned function is called; `changed` is told when the answer is another. */
  watch(changed: () => void): () => void
}

/** See Room: of the file system, and of the limit that the store has. */
export class FillRoom implements Room {
  readonly #components: FillRoomComponents
  readonly #init: FillRoomInit
  readonly #watching = new Set<() => void>()
  #reason: string | undefined
  #isOpen = false
  /** Why nobody knows; logged. */
  #failure: string | undefined
  #cancel = () => {}

  constructor(components: FillRoomComponents, init: FillRoomInit) {
    this.#components = components
    this.#init = init
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  get reason(): string | undefined {
    return this.#reason
  }

  watch(changed: () => void): () => void {
    this.#watching.add(changed)
    if (this.#watching.size === 1) void this.look()
    return () => {
      this.#watching.delete(changed)
      if (this.#watching.size > 0) return
      // nobody knows what happens until somebody looks again
      this.#isOpen = false
      this.#cancel()
    }
  }

  /** Does not throw. */
  async look(): Promise<void> {
    const { clock, log } = this.#components
    this.#cancel()
    try {
      this.#say(await this.#full())
      this.#failure = undefined
    } catch (error) {
      if (this.#failure !== String(error))
        log.error({ err: error }, 'could not find out how much room there is')
      this.#failure = String(error)
    }
    this.#cancel()
    if (this.#watching.size > 0) this.#cancel = clock.after(FILL_LOOK_MS, () => void this.look())
  }

  #say(reason: string | undefined): void {
    const { log } = this.#components
    if (reason !== undefined && this.#reason === undefined)
      log.warn({ err: reason }, 'images are not filled at the moment')
    if (reason === undefined && this.#reason !== undefined)
      log.info({}, 'there is room again: images are filled on')
    // Whoever watches next waits for a look of its own: nobody knows what happens until then.
    const isOpen = reason === undefined && this.#watching.size > 0
    const isOther = isOpen !== this.#isOpen
    this.#reason = reason
    this.#isOpen = isOpen
    if (!isOther) return
    for (const changed of [...this.#watching]) changed()
  }

  async #full(): Promise<string | undefined> {
    const { dir, storedBytesMax } = this.#init
    const { bavail, bsize, blocks } = await statfs(dir)
    const [free, total] = [bavail * bsize, blocks * bsize]
    // It was full: a little more than the bound is needed, or it would be crossed all the time.
    const more = this.#reason === undefined ? 1 : 1 + FILL_RESUME_SHARE
    const reserve = fillReserveBytes(total)
    if (total > 0 && free < reserve * more)
      return `nothing is fetched ahead of reads: ${gigabytes(free)} are free, and ${gigabytes(reserve)} are kept for what machines read; make room`
    if (storedBytesMax === undefined) return undefined
    const { storedBytes } = await this.#components.blocks.stat()
    if (storedBytes <= storedBytesMax * (1 - (1 - FILL_STORE_SHARE) * more)) return undefined
    return `nothing is fetched ahead of reads: the store has ${gigabytes(storedBytes)} of ${gigabytes(storedBytesMax)}, and the last tenth is kept for what machines read; bootswarm node gc, or raise store.maxBytes`
  }
}

/** What the background leaves free of a file system of so many bytes. */
export function fillReserveBytes(total: number): number {
  const share = Math.min(total * FILL_RESERVE_SHARE, FILL_RESERVE_BYTES_MAX)
  return Math.min(Math.max(FILL_RESERVE_BYTES, share), total * FILL_RESERVE_SHARE_MAX)
}

const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(2)} GB`
