import type { CallOptions } from '../../src/core/blockstore.ts'
import type { Digest } from '../../src/core/cid.ts'
import type { Clock } from '../../src/core/clock.ts'
import { AbortedError, BusyError, ConflictError, httpStatusOf } from '../../src/core/errors.ts'
import { DEFAULT_TAG } from '../../src/core/reference.ts'
import {
  RAW_UPLOAD_WAIT_MS,
  RAW_UPLOADS_MAX,
  RAW_UPLOADS_PER_PRINCIPAL_MAX,
  RAW_UPLOADS_WAITING_MAX,
} from '../../src/core/registry-limits.ts'
import type { PeerKey } from '../../src/core/router.ts'
import { type ImportResult, importImage, importPart } from '../../src/image/import.ts'
import type { ImportInit } from '../../src/image/import-init.ts'
import type { FrameOpener } from '../../src/image/open-pieces.ts'
import { KeptSource, keptParts } from '../../src/image/source-kept.ts'
import type { QuotaCheck } from '../accounting/quota-meter.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { StoredImage } from '../catalog/image-rows.ts'
import type { StoredRawUpload } from '../catalog/raw-upload-catalog.ts'
import { type CommitComponents, commitUpload } from '../uploads/commit.ts'
import type { CommitStores } from '../uploads/commit-check.ts'
import type { Gate } from '../uploads/gate.ts'
import { claimFailed, type DigestClaim } from './body-digests.ts'
import { BodySource } from './body-source.ts'
import { KeptSegments } from './kept-segments.ts'
import { Places } from './places.ts'
import { empty, type PutHead } from './put-head.ts'
import { SharedWorkers } from './shared-workers.ts'
import { UploadSink } from './upload-sink.ts'

export interface RawUploadsComponents {
  readonly catalog: Pick<Catalog, 'images' | 'uploads' | 'rawUploads'>
  readonly stores: CommitStores
  /** Inflates what is read again. */
  readonly pool: FrameOpener
  readonly gate: Gate
  readonly quota: QuotaCheck
  readonly publications: CommitComponents['publications']
  readonly clock: Clock
  /** This tracker: its uploads stay with it. */
  readonly self: PeerKey
  /** Told of frames that were stored, for the metrics. */
  readonly onStored?: (blocks: number, bytes: number) => void
}

/** A PUT whose client may do what it asks for. */
export interface RawPut {
  readonly image: StoredImage
  /** Distinguished name. */
  readonly principal: string
  readonly head: PutHead
  /** Lets the client send; called once, when there is a place for what it sends. */
  readonly body: () => AsyncIterable<Uint8Array>
  /** Looks again whether the client may, at the end of what may have taken hours. */
  readonly recheck: () => Promise<void>
}

/** What became of it: a version, or a part that is kept and goes on. */
export type RawPutResult =
  | { readonly kind: 'version'; readonly version: number; readonly manifest: string }
  | { readonly kind: 'kept'; readonly keptBytes: number }

/** Images that come as they are: cut, stored and kept while they come (docs/specs/raw-upload-v1.md). */
export class RawUploads {
  readonly #c: RawUploadsComponents
  readonly #places: Places
  readonly #workers = new SharedWorkers()
  /** Images that somebody uploads into. */
  readonly #busy = new Set<string>()
  readonly #running = new Set<Promise<unknown>>()
  readonly #stopping = new AbortController()

  constructor(components: RawUploadsComponents) {
    this.#c = components
    this.#places = new Places(components, {
      max: RAW_UPLOADS_MAX,
      perPrincipalMax: RAW_UPLOADS_PER_PRINCIPAL_MAX,
      waitingMax: RAW_UPLOADS_WAITING_MAX,
      waitMs: RAW_UPLOAD_WAIT_MS,
      message: 'too many uploads at the moment: try again',
    })
  }

  /** Before the first request: uploads that a crash broke off may go on. */
  async start(): Promise<void> {
    await this.#c.catalog.rawUploads.pauseAll(this.#c.self, { nowMs: this.#c.clock.now() })
  }

  /** Breaks off what runs, so that it can go on later, and waits for it. */
  async stop(): Promise<void> {
    this.#stopping.abort(new BusyError('the tracker is stopping: go on when it is back'))
    await Promise.allSettled(this.#running)
    await this.#workers.close()
  }

  /** How many bytes of an image are kept for the principal, from the first on; 0 when those are of an image of another size. */
  async keptBytes({ image, principal, head }: Pick<RawPut, 'image' | 'principal' | 'head'>): Promise<number> {
    const found = await this.#c.catalog.rawUploads.find(image.id, this.#opener(principal))
    return found !== undefined && fits(found, head) ? found.keptBytes : 0
  }

  /**
   * Takes the bytes. Errors: ConflictError when another upload into the image runs, or when a part does not begin where what is kept
   * ends (`data.keptBytes`); BusyError; QuotaError and LimitError, before or while bytes come; IntegrityError when they
   * are not what the client says; AbortedError when it breaks off; those of addVersion.
   */
  async put(put: RawPut, options: Required<CallOptions>): Promise<RawPutResult> {
    const { uuid, namespace, name } = put.image
    if (this.#busy.has(uuid))
      throw new ConflictError(
        `another upload into ${namespace}/${name} is under way: try again when it has ended`,
      )
    this.#busy.add(uuid)
    const running = this.#inPlace(put, options).finally(() => this.#busy.delete(uuid))
    this.#running.add(running)
    return await running.finally(() => this.#running.delete(running))
  }

  async #inPlace(put: RawPut, options: Required<CallOptions>): Promise<RawPutResult> {
    const before = await this.#before(put)
    await this.#c.quota.open(put.image.ownerId)
    const leave = await this.#places.take(put.principal, options)
    try {
      return await this.#receive(put, await this.#open(put, before))
    } finally {
      leave()
    }
  }

  /** What the part goes on behind; undefined for one that begins. */
  async #before({ image, principal, head }: RawPut): Promise<StoredRawUpload | undefined> {
    if (head.start === 0) return undefined
    const found = await this.#c.catalog.rawUploads.find(image.id, this.#opener(principal))
    const keptBytes = found !== undefined && fits(found, head) ? found.keptBytes : 0
    if (keptBytes === head.start) return found
    throw new ConflictError(
      `${keptBytes} bytes of this upload are here: go on with the next, or begin anew with the first`,
      { data: { keptBytes } },
    )
  }

  async #open({ image, principal, head }: RawPut, before?: StoredRawUpload): Promise<StoredRawUpload> {
    const { rawUploads } = this.#c.catalog
    const { totalBytes } = head
    const opener = this.#opener(principal)
    if (before !== undefined) {
      const { upload } = before
      await rawUploads.goOn(image.id, { ...opener, upload, totalBytes: totalBytes ?? before.totalBytes })
      return before
    }
    const upload = await rawUploads.begin(image.id, { ...opener, totalBytes })
    return { upload, totalBytes, keptBytes: 0, segments: [], tail: undefined, chunker: undefined }
  }

  async #receive(put: RawPut, before: StoredRawUpload): Promise<RawPutResult> {
    const { upload } = before
    const { clock, catalog } = this.#c
    try {
      return await this.#import(put, before)
    } catch (error) {
      const nowMs = clock.now()
      const brokeOff = error instanceof AbortedError || error instanceof BusyError
      const goesOn = brokeOff && (await this.#hasKept(put))
      if (goesOn) await catalog.rawUploads.pause(upload, { nowMs })
      else await catalog.uploads.remove(upload, { nowMs, failed: httpStatusOf(error) >= 500 })
      throw error
    }
  }

  async #hasKept({ image, principal }: RawPut): Promise<boolean> {
    const found = await this.#c.catalog.rawUploads.find(image.id, this.#opener(principal))
    return (found?.keptBytes ?? 0) > 0
  }

  async #import(put: RawPut, before: StoredRawUpload): Promise<RawPutResult> {
    const { head, image } = put
    const { catalog, clock } = this.#c
    const isLast = head.kind === 'whole' || head.end === (head.totalBytes ?? before.totalBytes)
    const { bodyClaims: claims, start, end } = head
    const bytes = end === undefined ? undefined : end - start
    const name = `${image.namespace}/${image.name}`
    const { signal: stop } = this.#stopping
    const body = new BodySource({ name, body: put.body(), bytes, claims, stop })
    // What somebody wants to compare is not kept before it is compared.
    const kept = new KeptSegments(catalog, { before, whileItComes: claims.length === 0 })
    const sink = new UploadSink(
      { ...this.#c, blocks: this.#c.stores.blocks, uploads: catalog.uploads },
      { upload: before.upload, owner: image.ownerId },
    )
    const init = { ...this.#importInit(before, body), onSegments: kept.add }
    const imported = await this.#workers.run(async (workers) => {
      const components = { sink, workers }
      if (!isLast) return await importPart(components, init)
      const mustHash = head.wholeClaims.length > 0
      return await importImage(components, { ...init, mustHash })
    })
    if (body.cut !== undefined) {
      if (claims.length === 0) await kept.finish()
      throw body.cut
    }
    if (before.keptBytes + body.came === 0) throw empty()
    body.check()
    if ('manifestId' in imported) return await this.#commit(put, before, imported)
    await kept.finish()
    await catalog.rawUploads.pause(before.upload, { nowMs: clock.now() })
    return { kind: 'kept', keptBytes: before.keptBytes + body.came }
  }

  #importInit(before: StoredRawUpload, body: BodySource): ImportInit {
    const { segments, tail, chunker } = before
    const { blocks } = this.#c.stores
    const components = { blocks, nodes: blocks, opener: this.#c.pool }
    return {
      source: tail === undefined ? body : new KeptSource(components, { segment: tail, after: body }),
      // Without a whole segment the head comes again and is looked at again.
      chunker: segments.length === 0 || chunker === undefined ? 'auto' : chunker,
      before: { segments, parts: keptParts(components, segments) },
      sink: 'near',
    }
  }

  async #commit(put: RawPut, { upload }: StoredRawUpload, imported: ImportResult): Promise<RawPutResult> {
    checkWhole(put.head.wholeClaims, imported.sha256)
    await put.recheck()
    const { manifestId: manifest } = imported
    const { namespace, name } = put.image
    const { version } = await commitUpload(this.#c, {
      ...{ namespace, name, upload, manifest, tags: [DEFAULT_TAG], publisher: put.principal },
    })
    return { kind: 'version', version, manifest }
  }

  #opener(principal: string) {
    return { principal, tracker: this.#c.self, nowMs: this.#c.clock.now() }
  }
}

/** Whether what is kept can be of the image that a request speaks of. */
function fits(found: StoredRawUpload, { totalBytes }: PutHead): boolean {
  return totalBytes === null || found.totalBytes === null || found.totalBytes === totalBytes
}

function checkWhole(claims: readonly DigestClaim[], sha256: Digest | undefined): void {
  for (const { name, digest } of claims)
    if (sha256 === undefined || Buffer.compare(sha256, digest) !== 0) throw claimFailed(name)
}
