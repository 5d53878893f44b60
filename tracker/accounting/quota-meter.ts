import type { Clock } from '../../src/core/clock.ts'
import {
  QUOTA_NODES_BYTES,
  QUOTA_NODES_SHARE,
  QUOTA_READ_AFTER_BYTES,
  QUOTA_READ_AFTER_MS,
  QUOTA_USERS_MAX,
} from '../../src/core/registry-limits.ts'
import { checkBytes, type Usage } from '../catalog/quota.ts'

/**
 * Holds uploads to the quota of whoever owns the image, before the commit, which counts exactly. `owner`: the id of a user;
 * null for an image that is nobody's, which no quota bounds.
 */
export interface QuotaCheck {
  /** Before an upload begins. Throws QuotaError when nothing more fits. */
  open(owner: number | null): Promise<void>
  /**
   * Runs `store`, which keeps bytes of blocks (inflated) that came and adds them to `received_bytes` of their upload
   * (UploadCatalog.lease). Throws QuotaError instead when they do not fit beside what else is coming.
   */
  receive<T>(owner: number | null, bytes: number, store: () => Promise<T>): Promise<T>
}

/** What is known of one user whose bytes are coming. */
interface Line {
  readonly owner: number
  usage: Usage | undefined
  atMs: number
  /** Came since the usage was read, or is being stored. */
  newBytes: number
  readonly storing: Set<Promise<unknown>>
  reading: Promise<void> | undefined
}

interface UsageReader {
  of(user: { readonly id: number }): Promise<Usage | undefined>
}

/** Reads usage from the catalog now and then, and counts in between. */
export class QuotaMeter implements QuotaCheck {
  readonly #usage: UsageReader
  readonly #clock: Clock
  readonly #lines = new Map<number, Line>()

  constructor(components: { usage: UsageReader; clock: Clock }) {
    this.#usage = components.usage
    this.#clock = components.clock
  }

  async open(owner: number | null): Promise<void> {
    const usage = owner === null ? undefined : await this.#usage.of({ id: owner })
    if (usage !== undefined) checkBytes(usage, 1)
  }

  async receive<T>(owner: number | null, bytes: number, store: () => Promise<T>): Promise<T> {
    if (owner === null) return await store()
    const line = this.#line(owner)
    if (line.reading !== undefined || this.#isOld(line)) await this.#read(line)
    // Before it is refused, look whether room was made.
    if (!fits(line, bytes)) await this.#read(line)
    if (!fits(line, bytes) && line.usage !== undefined)
      checkBytes(line.usage, content(line.usage.uploadingBytes + line.newBytes + bytes))
    line.newBytes += bytes
    const storing = store()
    line.storing.add(storing)
    try {
      return await storing
    } catch (error) {
      line.newBytes -= bytes
      throw error
    } finally {
      line.storing.delete(storing)
    }
  }

  #isOld({ newBytes, atMs }: Line): boolean {
    return newBytes > QUOTA_READ_AFTER_BYTES || this.#clock.now() - atMs > QUOTA_READ_AFTER_MS
  }

  async #read(line: Line): Promise<void> {
    line.reading ??= this.#readOnce(line).finally(() => {
      line.reading = undefined
    })
    await line.reading
  }

  /** Waits until what is being stored is in the catalog: it would count twice, or not at all. */
  async #readOnce(line: Line): Promise<void> {
    await Promise.allSettled(line.storing)
    line.usage = await this.#usage.of({ id: line.owner })
    line.newBytes = 0
    line.atMs = this.#clock.now()
  }

  #line(owner: number): Line {
    const known = this.#lines.get(owner)
    if (known !== undefined) return known
    for (const [other, { storing, reading }] of this.#lines) {
      if (this.#lines.size < QUOTA_USERS_MAX) break
      if (storing.size === 0 && reading === undefined) this.#lines.delete(other)
    }
    const atMs = Number.NEGATIVE_INFINITY
    const line: Line = { owner, usage: undefined, atMs, newBytes: 0, storing: new Set(), reading: undefined }
    this.#lines.set(owner, line)
    return line
  }
}

function fits({ usage, newBytes }: Line, bytes: number): boolean {
  if (usage === undefined || usage.quota.bytes === null) return true
  return usage.bytes + content(usage.uploadingBytes + newBytes + bytes) <= usage.quota.bytes
}

/** Of the bytes that came, those that are surely blocks and not nodes of a manifest. */
function content(bytes: number): number {
  return Math.max(0, Math.floor(bytes * (1 - QUOTA_NODES_SHARE)) - QUOTA_NODES_BYTES)
}
