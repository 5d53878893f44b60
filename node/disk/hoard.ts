import type { CallOptions } from '../../src/core/blockstore.ts'
import type { Clock } from '../../src/core/clock.ts'
import {
  HOARD_FLIGHT_BYTES_MAX,
  HOARD_IMAGES_MAX,
  HOARD_ROUND_MS,
  HOARD_START_MS,
  HOARD_STEP_PAUSE_MS,
} from '../../src/core/disk-limits.ts'
import { AbortedError, BootswarmError, StateError } from '../../src/core/errors.ts'
import type { Lifecycle } from '../../src/core/lifecycle.ts'
import type { Log } from '../../src/core/log.ts'
import type { Random } from '../../src/core/random.ts'
import { parseReference } from '../../src/core/reference.ts'
import { unless } from '../../src/util/unless.ts'
import type { CatalogEntry, ImageCatalog } from '../image-catalog.ts'
import type { JoinAnswer, Joiner } from '../joiner.ts'
import { imageText } from './attached.ts'
import type { Disk } from './disk.ts'
import type { Hoarded, HoardFiles } from './hoard-files.ts'
import type { BootProfiles, KnownProfile } from './profile/boot-profiles.ts'
import { replayBoot } from './profile/boot-replay.ts'

/** An image that this node may read, as the tracker has it now. */
export interface HoardCandidate {
  /** By tag, so that the next version is found as well. */
  readonly reference: string
  readonly manifest: string
}

export interface HoardComponents {
  readonly files: Pick<HoardFiles, 'load' | 'save'>
  /** Those that were asked for last first. `known`: references that are looked up in any case. */
  candidates(known: readonly string[], options: CallOptions): Promise<HoardCandidate[]>
  readonly images: Pick<Joiner, 'join'>
  readonly profiles: Pick<BootProfiles, 'of'>
  readonly catalog: Pick<ImageCatalog, 'find'>
  /** Takes part in the swarm of an image without fetching it. */
  open(answer: JoinAnswer): Promise<Disk>
  /** Takes an image away that is here on demand alone, and its blocks; not one that is a disk. */
  remove(image: CatalogEntry): Promise<void>
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

/** What the hoard is, and has done since the start. */
export interface HoardFigures {
  readonly images: number
  /** Inflated, as the budget counts. */
  readonly bytes: number
  readonly budgetBytes: number
  /** Bytes of blocks. */
  readonly fetchedBytes: number
  readonly evicted: number
}

/**
 * Keeps ready what machines read while they boot, of images that this node has attached or may attach: within a budget, in the background, those attached last kept longest. What
 * counts is what the boot profiles cover.
 */
export class Hoard implements Lifecycle {
  readonly #components: HoardComponents
  readonly #budgetBytes: number
  readonly #stopping = new AbortController()
  #hoarded: Hoarded[] = []
  #fetchedBytes = 0
  #evicted = 0
  #cancel = () => {}
  #round: Promise<void> = Promise.resolve()

  constructor(components: HoardComponents, init: { budgetBytes: number }) {
    this.#components = components
    this.#budgetBytes = init.budgetBytes
  }

  get figures(): HoardFigures {
    const here = this.#hoarded.filter(({ digest }) => digest !== undefined)
    return {
      ...{ images: here.length, bytes: this.#bytes(), budgetBytes: this.#budgetBytes },
      ...{ fetchedBytes: this.#fetchedBytes, evicted: this.#evicted },
    }
  }

  async start(): Promise<void> {
    this.#hoarded = await this.#components.files.load()
    this.#next(HOARD_START_MS)
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new AbortedError('the node is stopping'))
    this.#cancel()
    await this.#round
  }

  /** An image was attached: it is worth more than those that were attached before. */
  attached(image: CatalogEntry): void {
    const attachedAt = this.#components.clock.now()
    const known = this.#hoarded.find((one) => isSame(one.image, image))
    if (known !== undefined) known.attachedAt = attachedAt
    else this.#hoarded.push({ image, bytes: 0, own: false, attachedAt })
    this.#hoarded = this.#byWorth().slice(0, HOARD_IMAGES_MAX)
  }

  #next(ms: number): void {
    if (this.#stopping.signal.aborted) return
    this.#cancel = this.#components.clock.after(ms * (0.5 + this.#components.random()), () => {
      this.#round = this.#go().finally(() => this.#next(HOARD_ROUND_MS))
    })
  }

  async #go(): Promise<void> {
    const { files } = this.#components
    try {
      if (this.#budgetBytes > 0) await this.#fill()
      while (this.#bytes() > this.#budgetBytes && (await this.#evict(() => true)));
      await files.save(this.#hoarded)
    } catch (error) {
      this.#failed('could not fill the hoard', error)
    }
  }

  /** Those that were attached last first, then those that others ask for. */
  async #fill(): Promise<void> {
    const { signal } = this.#stopping
    const known = this.#byWorth().map(({ image }) => tagText(image))
    const candidates = await this.#components.candidates(known, { signal })
    const rank = new Map(known.map((reference, i) => [reference, i]))
    const ranked = candidates.sort(
      (a, b) => (rank.get(a.reference) ?? known.length) - (rank.get(b.reference) ?? known.length),
    )
    for (const candidate of ranked.slice(0, HOARD_IMAGES_MAX)) {
      if (signal.aborted) return
      try {
        await this.#take(candidate)
      } catch (error) {
        this.#failed(`could not hoard ${candidate.reference}`, error)
      }
    }
  }

  async #take({ reference, manifest }: HoardCandidate): Promise<void> {
    const { images, profiles, catalog } = this.#components
    const { signal } = this.#stopping
    const those = this.#hoarded.filter(({ image }) => tagText(image) === reference)
    const before = those.find(({ image }) => image.manifest === manifest)
    if (before?.digest !== undefined) return
    const answer = await images.join(parseReference(reference), { signal })
    const { entry: image, away, joined } = answer
    if (away || image.complete) return
    const profile = await profiles.of(image, { digest: joined.profile ?? null, signal })
    const attachedAt = Math.max(0, ...those.map((one) => one.attachedAt))
    if (profile === undefined || !(await this.#makeRoom(profile, { before, attachedAt }))) return
    // The version before has had its day, but for machines that run over it.
    for (const one of those) if (one !== before && one.own) await this.#drop(one)
    const own = catalog.find(parseReference(imageText(image))) === undefined || before?.own === true
    const hoarded: Hoarded = { image, bytes: profile.statement.bytes, own, attachedAt }
    this.#hoarded = [...this.#hoarded.filter((one) => one !== before), hoarded]
    await this.#components.files.save(this.#hoarded)
    await this.#bring(answer, profile)
    hoarded.digest = profile.statement.digest
    this.#components.log.info({ image: imageText(image), bytes: hoarded.bytes }, 'a boot is hoarded')
  }

  async #bring(answer: JoinAnswer, { reads }: KnownProfile): Promise<void> {
    const disk = await this.#components.open(answer)
    try {
      const signal = AbortSignal.any([this.#stopping.signal, disk.closing])
      await replayBoot(reads, {
        bring: (ranges) => disk.bring(ranges, { signal, class: 'background' }),
        fetched: (bytes) => {
          this.#fetchedBytes += bytes
        },
        signal,
        flightBytesMax: HOARD_FLIGHT_BYTES_MAX,
        pause: () => this.#pause(HOARD_STEP_PAUSE_MS),
      })
      signal.throwIfAborted()
    } finally {
      await disk.close()
    }
  }

  /** Whether there is room: what was attached longer ago than the one that comes gives way. */
  async #makeRoom(
    { statement }: KnownProfile,
    { before, attachedAt }: { before: Hoarded | undefined; attachedAt: number },
  ): Promise<boolean> {
    if (statement.bytes > this.#budgetBytes) return false
    while (this.#bytes() - (before?.bytes ?? 0) + statement.bytes > this.#budgetBytes) {
      const gone = await this.#evict((one) => one !== before && one.attachedAt < attachedAt)
      if (!gone) return false
    }
    return true
  }

  /** The least worth of those that may go. Returns whether there was one. */
  async #evict(mayGo: (hoarded: Hoarded) => boolean): Promise<boolean> {
    const least = this.#byWorth()
      .filter((one) => one.bytes > 0 && mayGo(one))
      .at(-1)
    if (least === undefined) return false
    await this.#drop(least)
    this.#evicted++
    return true
  }

  /** What somebody has pulled or attached stays, and is no part of the hoard any more. */
  async #drop(hoarded: Hoarded): Promise<void> {
    const { catalog, remove } = this.#components
    this.#hoarded = this.#hoarded.filter((one) => one !== hoarded)
    const now = catalog.find(parseReference(imageText(hoarded.image)))
    if (!hoarded.own || now?.onDemand !== true || now.complete) return
    try {
      await remove(now)
    } catch (error) {
      if (!(error instanceof StateError)) throw error
      this.#components.log.info(
        { image: imageText(now), err: error.message },
        'a hoarded image stays for now',
      )
    }
  }

  #byWorth(): Hoarded[] {
    return [...this.#hoarded].sort((a, b) => b.attachedAt - a.attachedAt)
  }

  #bytes(): number {
    return this.#hoarded.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  async #pause(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const cancel = this.#components.clock.after(ms, resolve)
    await unless(this.#stopping.signal, promise).finally(cancel)
  }

  #failed(what: string, error: unknown): void {
    if (this.#stopping.signal.aborted) return
    if (error instanceof BootswarmError) this.#components.log.info({ err: error.message }, what)
    else this.#components.log.error({ err: error }, what)
  }
}

function isSame(a: CatalogEntry, b: CatalogEntry): boolean {
  return imageText(a) === imageText(b)
}

/** By its tag; by its version when it was asked for by that. */
function tagText(image: CatalogEntry): string {
  return image.tag === undefined ? imageText(image) : `${image.namespace}/${image.name}:${image.tag}`
}
