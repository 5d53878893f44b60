import { Bitmap } from '../core/bitmap.ts'
import type { BlockStore, CallOptions } from '../core/blockstore.ts'
import { DIGEST_BYTES, type Digest, type ManifestId } from '../core/cid.ts'
import { BootswarmError } from '../core/errors.ts'
import type { Frame } from '../core/frame.ts'
import { manifestProof } from '../core/manifest-proof.ts'
import type { Tag } from '../core/reference.ts'
import {
  API_LONG_ANSWER_TIMEOUT_MS,
  NEED_DIGESTS_MAX,
  UPLOAD_REQUEST_BYTES,
} from '../core/registry-limits.ts'
import { BufferPool } from '../util/buffer-pool.ts'
import { type RetryInit, retry } from '../util/retry.ts'
import { batchFrames, encodeFrames, streamBytes } from './frame-stream.ts'
import type { HttpClient } from './http-client.ts'
import { fillPath, TRACKER_PATHS } from './tracker-paths.ts'
import { CommitAnswer } from './tracker-schemas.ts'

/** A tracker that restarts is back within seconds; `has` and `put` may be repeated at will. */
const RETRY: RetryInit = {
  attempts: 5,
  firstMs: 200,
  maxMs: 5_000,
  when: (error) =>
    error instanceof BootswarmError && ['E_UNREACHABLE', 'E_TIMEOUT', 'E_BUSY'].includes(error.code),
}

/** Bodies that wait for the next request: those of an import under way. */
const BUFFERS_KEPT_MAX = 4

/**
 * An open upload: the sink of an import. Blocks, segment nodes and the manifest are put alike; nothing of the
 * image is visible before `commit`. Several calls may be in flight; each one has bounded requests.
 */
export class UploadClient implements Pick<BlockStore, 'has' | 'put'> {
  readonly id: string
  readonly #http: HttpClient
  readonly #buffers = new BufferPool({ bytes: UPLOAD_REQUEST_BYTES, keepMax: BUFFERS_KEPT_MAX })

  constructor(components: { http: HttpClient }, init: { id: string }) {
    this.#http = components.http
    this.id = init.id
  }

  /** For each digest, whether the tracker holds it; those are kept for this upload from then on. */
  async has(digests: readonly Digest[], options: CallOptions = {}): Promise<boolean[]> {
    const held: boolean[] = []
    for (let at = 0; at < digests.length; at += NEED_DIGESTS_MAX) {
      const part = digests.slice(at, at + NEED_DIGESTS_MAX)
      const bytes = new Uint8Array(part.length * DIGEST_BYTES)
      part.forEach((digest, i) => {
        bytes.set(digest, i * DIGEST_BYTES)
      })
      const answer = await this.#post(TRACKER_PATHS.need, bytes, options)
      const needed = Bitmap.decode(part.length, answer)
      for (let i = 0; i < part.length; i++) held.push(!needed.has(i))
    }
    return held
  }

  /** Resolves when the tracker would keep the frames through a crash. */
  async put(frames: readonly Frame[], options: CallOptions = {}): Promise<void> {
    for (const batch of batchFrames(frames, UPLOAD_REQUEST_BYTES)) {
      const body = this.#buffers.take(streamBytes(batch))
      await this.#post(TRACKER_PATHS.blocks, encodeFrames(batch, body), options)
      // Answered, so it was read to its end. After an error it may still be on its way.
      this.#buffers.give(body.buffer)
    }
  }

  /**
   * Makes the next version of the image from the manifest that was put, and lets `tags` point to it. `manifestBytes` shows that
   * the caller has the manifest: without them, one of images that the caller may not read is refused.
   */
  async commit(
    manifest: ManifestId,
    init: { tags: readonly Tag[]; signature?: string | undefined; manifestBytes?: Uint8Array },
    options: CallOptions = {},
  ): Promise<{ record: string; version: number }> {
    const { manifestBytes, ...rest } = init
    const proof = manifestBytes === undefined ? {} : { proof: manifestProof(this.id, manifestBytes) }
    const request = {
      method: 'POST',
      path: fillPath(TRACKER_PATHS.commit, { upload: this.id }),
      json: { manifest, ...rest, ...proof },
      signal: options.signal,
      answerTimeoutMs: API_LONG_ANSWER_TIMEOUT_MS,
    } as const
    return await this.#http.json(request, CommitAnswer)
  }

  /** Forgets the upload; its blocks go at the next garbage collection. */
  async abort(options: CallOptions = {}): Promise<void> {
    const path = fillPath(TRACKER_PATHS.upload, { upload: this.id })
    await this.#http.empty({ method: 'DELETE', path, signal: options.signal })
  }

  async #post(
    path: typeof TRACKER_PATHS.need | typeof TRACKER_PATHS.blocks,
    bytes: Uint8Array,
    options: CallOptions,
  ): Promise<Uint8Array> {
    const request = { method: 'POST', path: fillPath(path, { upload: this.id }), bytes } as const
    return await retry(() => this.#http.bytes({ ...request, signal: options.signal }), RETRY, options)
  }
}
