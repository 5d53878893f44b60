import { type ArrivedFrames, FrameDecoder, RUN_BUFFER_BYTES } from '../../src/api/frame-stream.ts'
import { Bitmap } from '../../src/core/bitmap.ts'
import type { CallOptions } from '../../src/core/blockstore.ts'
import { DIGEST_BYTES, type Digest, digestKey, type ManifestId, manifestIdOf } from '../../src/core/cid.ts'
import type { Clock } from '../../src/core/clock.ts'
import { IntegrityError, InvalidError, NotAuthorisedError, StateError } from '../../src/core/errors.ts'
import type { Frame } from '../../src/core/frame.ts'
import { inflateFrame } from '../../src/core/frame-codec.ts'
import { isManifest } from '../../src/core/manifest.ts'
import type { Tag } from '../../src/core/reference.ts'
import { UPLOAD_BODY_BYTES_MAX } from '../../src/core/registry-limits.ts'
import type { PeerKey } from '../../src/core/router.ts'
import { BufferPool } from '../../src/util/buffer-pool.ts'
import type { Access } from '../access/access.ts'
import type { Asker, UserAsker } from '../access/asker.ts'
import type { QuotaCheck } from '../accounting/quota-meter.ts'
import type { Publications } from '../acl/publications.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { ImageKey } from '../catalog/image-rows.ts'
import type { StoredUpload } from '../catalog/upload-catalog.ts'
import type { Images } from '../images/images.ts'
import { commitUpload } from './commit.ts'
import type { CommitStores } from './commit-check.ts'
import type { Gate } from './gate.ts'
import { checkPossession } from './possession.ts'

export interface UploadsComponents {
  readonly catalog: Catalog
  readonly access: Access
  readonly images: Pick<Images, 'forUpload'>
  readonly stores: CommitStores
  /** Checks frames away from the event loop. */
  readonly pool: {
    verifyRun(run: ArrivedFrames, options?: CallOptions): Promise<{ readonly frames: (Frame | undefined)[] }>
  }
  readonly gate: Gate
  readonly publications: Pick<Publications, 'check'>
  readonly clock: Clock
  readonly quota: QuotaCheck
  /** This tracker: its uploads stay with it. */
  readonly self: PeerKey
  /** Told of frames that were stored, for the metrics. */
  readonly onStored?: (blocks: number, bytes: number) => void
}

/** Buffers of requests that wait for the next one: what a push has under way. */
const BUFFERS_KEPT_MAX = 4

/** An upload and who goes on with it. */
export interface UploadUse {
  readonly asker: Asker
  readonly upload: string
}

/** From the slot to the committed version. Whoever opened an upload goes on with it, nobody else, and only while it may write. */
export class Uploads {
  readonly #c: UploadsComponents
  readonly #buffers = new BufferPool({ bytes: RUN_BUFFER_BYTES, keepMax: BUFFERS_KEPT_MAX })

  constructor(components: UploadsComponents) {
    this.#c = components
  }

  /** Opens an upload into an image, which is made where it does not exist. Errors: those of Images.forUpload, QuotaError. */
  async open(asker: Asker, image: ImageKey): Promise<{ upload: string; expiresAtMs: number }> {
    const { id, ownerId } = await this.#c.images.forUpload(asker, image)
    const { dn } = this.#c.access.user(asker, { change: true })
    await this.#c.quota.open(ownerId)
    const init = { principal: dn, tracker: this.#c.self, nowMs: this.#c.clock.now() }
    return await this.#c.catalog.uploads.open(id, init)
  }

  /** Which of the digests, 32 bytes each, the tracker lacks. Those that it has are kept for the upload. */
  async need({ asker, upload }: UploadUse, digests: Uint8Array): Promise<Bitmap> {
    if (digests.length % DIGEST_BYTES !== 0) throw new InvalidError('not a list of digests of 32 bytes each')
    await this.#writable(asker, upload)
    const list: Digest[] = []
    for (let at = 0; at < digests.length; at += DIGEST_BYTES)
      list.push(digests.subarray(at, at + DIGEST_BYTES))
    return await this.#c.gate.shared(async () => {
      const held = await this.#c.stores.blocks.has(list)
      const needed = new Bitmap(list.length)
      held.forEach((has, i) => {
        if (!has) needed.set(i)
      })
      const kept = list.filter((_, i) => held[i] === true)
      if (kept.length > 0) await this.#lease(upload, kept)
      return needed
    })
  }

  /**
   * Stores the frames of a stream; resolves when all of them survive a crash. Frames are verified first, a batch with a
   * wrong one is dropped as a whole. Errors: IntegrityError, ProtocolError, LimitError, QuotaError, StorageFullError.
   */
  async put(
    { asker, upload }: UploadUse,
    body: AsyncIterable<Uint8Array>,
    options: CallOptions = {},
  ): Promise<void> {
    await this.#receive(await this.#writable(asker, upload), body, options)
  }

  /** Makes the next version of the upload's image and ends the upload. Errors: those of checkPossession, checkAndKeepNodes and ImageCatalog.addVersion. */
  async commit(
    { asker, upload }: UploadUse,
    init: {
      manifest: ManifestId
      tags: readonly Tag[]
      signature?: string | undefined
      proof?: string | undefined
    },
    options: CallOptions = {},
  ): Promise<{ record: string; version: number }> {
    const found = await this.#writable(asker, upload)
    await checkPossession(this.#c, asker, { ...init, upload, put: found.manifest })
    const { namespace, name } = found
    const { dn: publisher } = this.#c.access.user(asker, { change: true })
    return await commitUpload(this.#c, { namespace, name, ...init, upload, publisher }, options)
  }

  async abort({ asker, upload }: UploadUse): Promise<void> {
    await this.#mine(asker, upload)
    await this.#c.catalog.uploads.remove(upload, { nowMs: this.#c.clock.now() })
  }

  async #receive(upload: StoredUpload, body: AsyncIterable<Uint8Array>, options: CallOptions): Promise<void> {
    const decoder = new FrameDecoder({ buffers: this.#buffers }, { bytesMax: UPLOAD_BODY_BYTES_MAX })
    let storing: Promise<void> = Promise.resolve()
    try {
      for await (const piece of body) {
        for (const arrived of decoder.push(piece)) {
          await storing
          storing = this.#store(upload, arrived, options)
          storing.catch(() => {})
        }
      }
    } finally {
      await storing
    }
    const last = decoder.end()
    if (last !== undefined) await this.#store(upload, last, options)
  }

  /** Verifies and stores what arrived; its buffer serves the next request then. */
  async #store({ upload, owner }: StoredUpload, arrived: ArrivedFrames, options: CallOptions): Promise<void> {
    const { frames: verified } = await this.#c.pool.verifyRun(arrived, options)
    const frames = verified.filter((frame) => frame !== undefined)
    if (frames.length < verified.length) {
      const digest = arrived.frames[verified.indexOf(undefined)]?.digest
      throw new IntegrityError('a frame is not the block that its digest names', {
        data: digest === undefined ? {} : { digest: digestKey(digest) },
      })
    }
    const digests = arrived.frames.map((frame) => frame.digest)
    const receivedBytes = frames.reduce((sum, frame) => sum + frame.length, 0)
    const store = async () => {
      // Side by side: both wait for the disk, and what fails keeps the request from being acknowledged.
      const leased = this.#lease(upload, digests, { receivedBytes, manifest: manifestIn(frames.at(-1)) })
      await settled([this.#c.stores.blocks.put(frames, options), leased])
    }
    await this.#c.quota.receive(owner, receivedBytes, () => this.#c.gate.shared(store))
    this.#c.onStored?.(
      frames.length,
      frames.reduce((sum, frame) => sum + frame.bytes.length, 0),
    )
    const { buffer } = frames[0]?.bytes ?? {}
    if (buffer !== undefined) this.#buffers.give(buffer)
  }

  async #lease(
    upload: string,
    digests: readonly Digest[],
    came: { receivedBytes?: number; manifest?: ManifestId | undefined } = {},
  ): Promise<void> {
    const nowMs = this.#c.clock.now()
    await this.#c.catalog.uploads.lease(upload, digests, { nowMs, ...came })
  }

  /** The upload, while who opened it may still write to its image: rights end at once, also in the middle of a push. */
  async #writable(asker: Asker, upload: string): Promise<StoredUpload> {
    const found = await this.#mine(asker, upload)
    const { access, catalog } = this.#c
    await access.image(asker, await catalog.images.get(found), 'write')
    return found
  }

  async #mine(asker: Asker, upload: string): Promise<StoredUpload> {
    const user: UserAsker = this.#c.access.user(asker, { change: true })
    const found = await this.#c.catalog.uploads.get(upload, { nowMs: this.#c.clock.now() })
    if (found.principal !== user.dn) throw new NotAuthorisedError('the upload was opened by somebody else')
    if (found.tracker !== '' && found.tracker !== this.#c.self) throw await this.#elsewhere(found.tracker)
    return found
  }

  /** Its blocks are at another tracker. */
  async #elsewhere(tracker: PeerKey): Promise<StateError> {
    const there = await this.#c.catalog.trackers.get(tracker)
    const url = there?.url ?? 'another tracker'
    return new StateError(`the upload was opened at ${url}: go on with it there, or push again`, {
      data: { tracker: url },
    })
  }
}

/** The manifest comes last, in whatever else its request brings. */
function manifestIn(last: Frame | undefined): ManifestId | undefined {
  return last !== undefined && isManifest(inflateFrame(last)) ? manifestIdOf(last.digest) : undefined
}

/** Waits for all, then throws the first failure. */
async function settled(promises: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(promises)) {
    if (result.status === 'rejected') throw result.reason
  }
}
