import type { CallOptions } from '../../src/core/blockstore.ts'
import type { Clock } from '../../src/core/clock.ts'
import {
  HOARD_IMAGES_MAX,
  HOARD_RECHECK_MS,
  HOARD_ROUND_MS,
  HOARD_START_MS,
} from '../../src/core/disk-limits.ts'
import { AbortedError, BootswarmError, StateError } from '../../src/core/errors.ts'
import type { Lifecycle } from '../../src/core/lifecycle.ts'
import type { Log } from '../../src/core/log.ts'
import type { Random } from '../../src/core/random.ts'
import { parseReference } from '../../src/core/reference.ts'
import type { CatalogEntry, ImageCatalog } from '../image-catalog.ts'
import type { JoinAnswer, Joiner } from '../joiner.ts'
import { imageText } from './attached.ts'
import type { Disk } from './disk.ts'
import { hoardBoot } from './hoard-boot.ts'
import type { Hoarded, HoardFiles } from './hoard-files.ts'
import { HoardList, tagText } from './hoard-list.ts'
import type { BootProfiles, KnownProfile } from './profile/boot-profiles.ts'

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
  /** Takes an image away that is here on demand alone; its blocks stay until they are collected. Throws StateError while it is a disk. */
  remove(image: CatalogEntry): Promise<void>
  /** Gives back what the blocks of removed images take. Throws StateError while something is being pulled or attached. */
  collect(): Promise<void>
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

/** An image that has its place in the budget, and whose boot is to be brought in. */
interface Planned {
  readonly reference: string
  readonly hoarded: Hoarded
  readonly profile: KnownProfile
}

/**
 * Keeps ready what machines read while they boot, of images that this node has attached or may attach: within a budget, in the background, those attached last kept longest. What
 * counts is what the boot profiles cover. A round decides about all images, takes away what gives way, and then fetches.
 */
export class Hoard implements Lifecycle {
  readonly #components: HoardComponents
  readonly #budgetBytes: number
  readonly #stopping = new AbortController()
  readonly #list = new HoardList()
  /** When the profiles of those that are here were compared with the tracker's, monotonic. */
  readonly #checkedMs = new WeakMap<Hoarded, number>()
  #fetchedBytes = 0
  #evicted = 0
  /** Blocks of removed images wait for a collection. */
  #isLittered = false
  #cancel = () => {}
  #round: Promise<void> = Promise.resolve()

  constructor(components: HoardComponents, init: { budgetBytes: number }) {
    this.#components = components
    this.#budgetBytes = init.budgetBytes
  }

  get figures(): HoardFigures {
    const here = this.#list.all.filter(({ digest }) => digest !== undefined)
    return {
      ...{ images: here.length, bytes: this.#list.bytes, budgetBytes: this.#budgetBytes },
      ...{ fetchedBytes: this.#fetchedBytes, evicted: this.#evicted },
    }
  }

  async start(): Promise<void> {
    this.#list.load(await this.#components.files.load())
    this.#next(HOARD_START_MS)
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new AbortedError('the node is stopping'))
    this.#cancel()
    await this.#round
  }

  /** An image was attached: it is worth more than those that were attached before, and is never taken away. */
  attached(image: CatalogEntry): void {
    this.#list.attached(image, this.#components.clock.now())
  }

  readonly #fetched = (bytes: number) => {
    this.#fetchedBytes += bytes
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
      this.#list.correct((image) => this.#isOnDemand(image))
      const planned = this.#budgetBytes > 0 ? await this.#plan() : []
      while (this.#isTooMuch() && (await this.#evict(() => true)));
      await this.#collect()
      await files.save(this.#list.all)
      for (const one of planned) {
        if (this.#stopping.signal.aborted) return
        await this.#bring(one)
        await files.save(this.#list.all)
      }
    } catch (error) {
      this.#failed('could not fill the hoard', error)
    }
  }

  /** Those that were attached last first, then those that others ask for. */
  async #plan(): Promise<Planned[]> {
    const { signal } = this.#stopping
    const known = this.#list.byWorth().map(({ image }) => tagText(image))
    const candidates = await this.#components.candidates(known, { signal })
    const rank = new Map(known.map((reference, i) => [reference, i]))
    const ranked = candidates.sort(
      (a, b) => (rank.get(a.reference) ?? known.length) - (rank.get(b.reference) ?? known.length),
    )
    const planned: Planned[] = []
    for (const candidate of ranked.slice(0, HOARD_IMAGES_MAX)) {
      if (signal.aborted) break
      try {
        const one = await this.#take(candidate)
        if (one !== undefined) planned.push(one)
      } catch (error) {
        this.#failed(`could not hoard ${candidate.reference}`, error)
      }
    }
    return planned
  }

  /** Gives it a place in the budget, if it is to have one; undefined when there is nothing to bring in. */
  async #take({ reference, manifest }: HoardCandidate): Promise<Planned | undefined> {
    const { images, profiles, clock } = this.#components
    const { signal } = this.#stopping
    const there = this.#list.tagged(reference).find(({ image }) => image.manifest === manifest)
    if (there?.digest !== undefined && !this.#isDue(there)) return undefined
    const { entry: image, away, joined } = await images.join(parseReference(reference), { signal })
    if (away || image.complete || this.#isWanted(image)) return undefined
    if (there !== undefined) this.#checkedMs.set(there, clock.monotonic())
    if (there?.digest !== undefined && there.digest === joined.profile) return undefined
    const profile = await profiles.of(image, { digest: joined.profile ?? null, signal })
    const attachedAt = Math.max(0, ...this.#list.tagged(reference).map((one) => one.attachedAt))
    if (profile === undefined || !(await this.#makeRoom(profile, { image, reference, attachedAt })))
      return undefined
    // The version before has had its day, but for machines that run over it.
    for (const one of this.#list.tagged(reference))
      if (one.image.version !== image.version) await this.#drop(one)
    // It may have been attached by now.
    const before = this.#list.find(image)
    const own = before?.own === true || this.#known(image) === undefined
    const latest = Math.max(attachedAt, before?.attachedAt ?? 0)
    const hoarded = { image, bytes: profile.statement.bytes, own, attachedAt: latest }
    this.#list.put(hoarded)
    return { reference, hoarded, profile }
  }

  /** Does not throw: what could not be brought in is tried again in the next round. */
  async #bring({ reference, hoarded, profile }: Planned): Promise<void> {
    const { images, open, clock, log } = this.#components
    const { image } = hoarded
    try {
      // A grant may have ended since the beginning of the round, and somebody may want all of it now.
      const options = { signal: this.#stopping.signal }
      const answer = await images.join(parseReference(reference), options)
      if (answer.away || answer.entry.manifest !== image.manifest || this.#isWanted(image)) return
      if (this.#list.find(image) !== hoarded) return
      await hoardBoot(
        { clock, disk: await open(answer) },
        { reads: profile.reads, stopping: this.#stopping.signal, fetched: this.#fetched },
      )
      hoarded.digest = profile.statement.digest
      this.#checkedMs.set(hoarded, clock.monotonic())
      log.info({ image: imageText(image), bytes: hoarded.bytes }, 'a boot is hoarded')
    } catch (error) {
      this.#failed(`could not hoard ${reference}`, error)
    }
  }

  /** Whether there is room: what was attached longer ago than the one that comes gives way, the versions before it in any case. */
  async #makeRoom(
    { statement: { bytes } }: KnownProfile,
    init: { image: CatalogEntry; reference: string; attachedAt: number },
  ): Promise<boolean> {
    if (bytes > this.#budgetBytes) return false
    for (;;) {
      const before = new Set([...this.#list.tagged(init.reference), this.#list.find(init.image)])
      const others = this.#list.all.filter((one) => !before.has(one))
      if (others.reduce((sum, one) => sum + one.bytes, bytes) <= this.#budgetBytes) return true
      const gone = await this.#evict((one) => !before.has(one) && one.attachedAt < init.attachedAt)
      if (!gone) return false
    }
  }

  #isTooMuch(): boolean {
    return this.#list.bytes > this.#budgetBytes || this.#list.all.length > HOARD_IMAGES_MAX
  }

  /** The least worth of those that may go. Returns whether there was one. */
  async #evict(mayGo: (hoarded: Hoarded) => boolean): Promise<boolean> {
    const least = this.#list
      .byWorth()
      .filter((one) => one.bytes > 0 && mayGo(one))
      .at(-1)
    if (least === undefined) return false
    await this.#drop(least)
    this.#evicted++
    return true
  }

  /** What somebody has pulled or attached stays, and is no part of the hoard any more. */
  async #drop(hoarded: Hoarded): Promise<void> {
    const { image, own } = hoarded
    this.#list.remove(hoarded)
    const now = this.#known(image)
    if (!own || now === undefined || !this.#isOnDemand(image)) return
    try {
      await this.#components.remove(now)
      this.#isLittered = true
    } catch (error) {
      if (!(error instanceof StateError)) throw error
      this.#components.log.info(
        { image: imageText(now), err: error.message },
        'a hoarded image stays for now',
      )
    }
  }

  /** Once for all that a round has removed; where something is being pulled, after a later round. */
  async #collect(): Promise<void> {
    if (!this.#isLittered) return
    try {
      await this.#components.collect()
      this.#isLittered = false
    } catch (error) {
      if (!(error instanceof StateError)) throw error
      this.#components.log.info({ err: error.message }, 'what the hoard gave up is collected later')
    }
  }

  #known(image: CatalogEntry): CatalogEntry | undefined {
    return this.#components.catalog.find(parseReference(imageText(image)))
  }

  /** Somebody has asked for all of it, and it is on its way, or will be. */
  #isWanted(image: CatalogEntry): boolean {
    return this.#known(image) !== undefined && !this.#isOnDemand(image)
  }

  #isOnDemand(image: CatalogEntry): boolean {
    const known = this.#known(image)
    return known?.onDemand === true && !known.complete
  }

  #isDue(hoarded: Hoarded): boolean {
    const checkedMs = this.#checkedMs.get(hoarded)
    return checkedMs === undefined || this.#components.clock.monotonic() - checkedMs >= HOARD_RECHECK_MS
  }

  #failed(what: string, error: unknown): void {
    if (this.#stopping.signal.aborted) return
    if (error instanceof BootswarmError) this.#components.log.info({ err: error.message }, what)
    else this.#components.log.error({ err: error }, what)
  }
}
