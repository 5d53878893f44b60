import type { BlockStore, CallOptions } from '../../src/core/blockstore.ts'
import type { Digest } from '../../src/core/cid.ts'
import type { Clock } from '../../src/core/clock.ts'
import type { Frame } from '../../src/core/frame.ts'
import type { QuotaCheck } from '../accounting/quota-meter.ts'
import type { UploadCatalog } from '../catalog/upload-catalog.ts'
import type { Gate } from '../uploads/gate.ts'

export interface UploadSinkComponents {
  readonly blocks: Pick<BlockStore, 'has' | 'put'>
  readonly uploads: Pick<UploadCatalog, 'lease'>
  readonly gate: Gate
  readonly quota: QuotaCheck
  readonly clock: Clock
  /** Told of frames that were stored, for the metrics. */
  readonly onStored?: ((blocks: number, bytes: number) => void) | undefined
}

/** Where the importer puts the blocks of one upload: each is kept for it before the next comes, and counts against its owner's quota. */
export class UploadSink implements Pick<BlockStore, 'has' | 'put'> {
  readonly #c: UploadSinkComponents
  readonly #upload: string
  readonly #owner: number | null

  constructor(components: UploadSinkComponents, init: { upload: string; owner: number | null }) {
    this.#c = components
    this.#upload = init.upload
    this.#owner = init.owner
  }

  /** What is there is kept for the upload. Errors: those of `lease` and of the store. */
  async has(digests: readonly Digest[], options: CallOptions = {}): Promise<boolean[]> {
    return await this.#c.gate.shared(async () => {
      const held = await this.#c.blocks.has(digests, options)
      const kept = digests.filter((_, i) => held[i] === true)
      if (kept.length > 0) await this.#lease(kept, 0)
      return held
    })
  }

  /** Errors: QuotaError, those of `lease` and of the store. */
  async put(frames: readonly Frame[], options: CallOptions = {}): Promise<void> {
    const bytes = frames.reduce((sum, { length }) => sum + length, 0)
    const digests = frames.map(({ digest }) => digest)
    const store = async () => {
      // First the lease: nothing that is stored may be found without one.
      await this.#lease(digests, bytes)
      await this.#c.blocks.put(frames, options)
    }
    await this.#c.quota.receive(this.#owner, bytes, () => this.#c.gate.shared(store))
    this.#c.onStored?.(
      frames.length,
      frames.reduce((sum, frame) => sum + frame.bytes.length, 0),
    )
  }

  async #lease(digests: readonly Digest[], receivedBytes: number): Promise<void> {
    const nowMs = this.#c.clock.now()
    await this.#c.uploads.lease(this.#upload, digests, { nowMs, receivedBytes })
  }
}
