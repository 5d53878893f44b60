import type { OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { BlockStore } from '../../src/core/blockstore.ts'
import type { ManifestId } from '../../src/core/cid.ts'
import type { Clock } from '../../src/core/clock.ts'
import { AbortedError } from '../../src/core/errors.ts'
import type { Log } from '../../src/core/log.ts'
import {
  RAW_AHEAD_STRETCHES,
  RAW_CACHE_STRETCHES,
  RAW_DOWNLOAD_WAIT_MS,
  RAW_DOWNLOADS_MAX,
  RAW_DOWNLOADS_PER_PRINCIPAL_MAX,
  RAW_DOWNLOADS_WAITING_MAX,
} from '../../src/core/registry-limits.ts'
import type { ByteRange } from '../http/range.ts'
import { Places } from './places.ts'
import { readRaw } from './raw-reader.ts'
import { SegmentPlans } from './segment-plans.ts'
import { sendPieces } from './send-pieces.ts'
import { StretchCache, type StretchCacheComponents } from './stretch-cache.ts'

export interface DownloadsComponents {
  readonly blocks: StretchCacheComponents['blocks']
  readonly nodes: Pick<BlockStore, 'get'>
  readonly clock: Clock
  readonly log: Log
  /** Told of bytes that were sent, for the metrics. */
  readonly onSent?: (bytes: number) => void
}

/**
 * Sends the bytes of images, to many at once. All of them share what was opened lately, so that many readers of one image
 * cost little more than one.
 */
export class Downloads {
  readonly #c: DownloadsComponents
  readonly #plans: SegmentPlans
  readonly #cache: StretchCache
  readonly #places: Places

  constructor(components: DownloadsComponents) {
    this.#c = components
    this.#plans = new SegmentPlans(components)
    this.#cache = new StretchCache(components, { keepMax: RAW_CACHE_STRETCHES })
    this.#places = new Places(components, {
      max: RAW_DOWNLOADS_MAX,
      perPrincipalMax: RAW_DOWNLOADS_PER_PRINCIPAL_MAX,
      waitingMax: RAW_DOWNLOADS_WAITING_MAX,
      waitMs: RAW_DOWNLOAD_WAIT_MS,
      message: 'too many downloads at the moment: try again',
    })
  }

  /** Waits for a place of the principal, which the returned function leaves. Errors: BusyError, AbortedError. */
  async place(principal: string, signal: AbortSignal): Promise<() => void> {
    return await this.#places.take(principal, { signal })
  }

  /** Verified bytes from the own store. Errors: those of readRaw. */
  read(
    init: { manifest: ManifestId } & ByteRange,
    options: { signal: AbortSignal },
  ): AsyncIterable<Uint8Array> {
    const ahead = () => Math.max(1, Math.min(RAW_AHEAD_STRETCHES, Math.floor(16 / this.#places.taken)))
    const { manifest, ...range } = init
    return readRaw({ plans: this.#plans, cache: this.#cache }, { manifest, range }, { ahead, ...options })
  }

  /**
   * Sends the head, which says how many bytes come, the pieces and the end of an answer. A failure breaks the connection: an answer
   * that ends early must not look complete. Never throws.
   */
  async send(
    response: ServerResponse,
    head: { status: number; headers: Readonly<Record<string, OutgoingHttpHeader | undefined>> },
    pieces: AsyncIterable<Uint8Array>,
  ): Promise<void> {
    const { clock, log, onSent = () => {} } = this.#c
    try {
      response.writeHead(head.status, head.headers as OutgoingHttpHeaders)
      await sendPieces(response, pieces, { clock, onSent })
      response.end()
    } catch (err) {
      if (!(err instanceof AbortedError)) log.error({ err }, 'a raw download broke off')
      response.destroy()
    }
  }
}
