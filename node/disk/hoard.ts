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
import type { Random } from '../../src/core/random.ts'
import { parseReference } from '../../src/core/reference.ts'
import type { CatalogEntry } from '../image-catalog.ts'
import type { JoinAnswer, Joiner } from '../joiner.ts'
import { imageText } from './attached.ts'
import type { Disk } from './disk.ts'
import { hoardBoot } from './hoard-boot.ts'
import type { HoardCandidate } from './hoard-candidates.ts'
import { HoardDeclined } from './hoard-declined.ts'
import type { Hoarded, HoardFiles } from './hoard-files.ts'
import { HoardList, tagText } from './hoard-list.ts'
import { HoardRoom, type HoardRoomComponents, type Newcomer } from './hoard-room.ts'
import type { BootProfiles, KnownProfile } from './profile/boot-profiles.ts'

export interface HoardComponents extends HoardRoomComponents {
  readonly files: Pick<HoardFiles, 'load' | 'save'>
  /** Those that were asked for last first. `known`: references that are looked up in any case. */
  candidates(known: readonly string[], options: CallOptions): Promise<HoardCandidate[]>
  readonly images: Pick<Joiner, 'join'>
  readonly profiles: Pick<BootProfiles, 'of'>
  /** Takes part in the swarm of an image without fetching it. */
  open(answer: JoinAnswer): Promise<Disk>
  readonly clock: Clock
  readonly random: Random
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
  readonly #room: HoardRoom
  readonly #declined: HoardDeclined
  /** When the profiles of those that are here were compared with the tracker's, monotonic. */
  #checkedMs = new WeakMap<Hoarded, number>()
  #fetchedBytes = 0
  #cancel = () => {}
  #round: Promise<void> = Promise.resolve()
  #saving: Promise<void> = Promise.resolve()
  /** A round that somebody has asked for and that has not begun. */
  #asked: Promise<void> | undefined

  constructor(components: HoardComponents, init: { budgetBytes: number }) {
    this.#components = components
    this.#budgetBytes = init.budgetBytes
    this.#room = new HoardRoom({ ...components, list: this.#list }, init)
    this.#declined = new HoardDeclined(components)
  }

  get figures(): HoardFigures {
    const here = this.#list.all.filter(({ digest }) => digest !== undefined)
    return {
      ...{ images: here.length, bytes: this.#list.bytes, budgetBytes: this.#budgetBytes },
      ...{ fetchedBytes: this.#fetchedBytes, evicted: this.#room.evicted },
    }
  }

  /** What is kept, and what was attached, those attached last first. */
  get images(): Hoarded[] {
    return this.#list.byWorth()
  }

  async start(): Promise<void> {
    this.#list.load(await this.#components.files.load())
    this.#next(HOARD_START_MS)
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new AbortedError('the node is stopping'))
    this.#cancel()
    await this.#round
    await this.#saving
  }

  /** An image was attached: it is worth more than those that were attached before, and is never taken away. */
  attached(image: CatalogEntry): void {
    this.#list.attached(image, this.#components.clock.now())
    this.#save().catch((error: unknown) =>
      this.#components.log.warn({ err: String(error) }, 'could not keep what was attached last'),
    )
  }

  /**
   * Looks at all images now, also at those that have been looked at lately. Resolves when that round has ended, which may take as long as fetching takes. Errors: those of the tracker, of the
   * file system; StateError while the node is stopping.
   */
  now(): Promise<void> {
    if (this.#stopping.signal.aborted) return Promise.reject(new StateError('the node is stopping'))
    this.#asked ??= this.#begin(() => {
      this.#asked = undefined
      this.#declined.clear()
      this.#checkedMs = new WeakMap()
    })
    return this.#asked
  }

  readonly #fetched = (bytes: number) => {
    this.#fetchedBytes += bytes
  }

  #next(ms: number): void {
    if (this.#stopping.signal.aborted) return
    this.#cancel()
    this.#cancel = this.#components.clock.after(ms * (0.5 + this.#components.random()), () => {
      this.#begin(() => {}).catch((error: unknown) => this.#failed('could not fill the hoard', error))
    })
  }

  /** A round, after the one that is under way. */
  #begin(prepare: () => void): Promise<void> {
    this.#cancel()
    const round = this.#round.then(async () => {
      prepare()
      await this.#go()
    })
    this.#round = round.catch(() => {}).finally(() => this.#next(HOARD_ROUND_MS))
    return round
  }

  async #go(): Promise<void> {
    this.#list.correct((image) => this.#room.isOnDemand(image))
    const planned = this.#budgetBytes > 0 ? await this.#plan() : []
    await this.#room.keep()
    await this.#room.collect()
    await this.#save()
    for (const one of planned) {
      if (this.#stopping.signal.aborted) return
      await this.#bring(one)
      await this.#save()
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
    const first = ranked.slice(0, HOARD_IMAGES_MAX)
    this.#declined.keep(first)
    const planned: Planned[] = []
    for (const candidate of first) {
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
  async #take(candidate: HoardCandidate): Promise<Planned | undefined> {
    const { images, profiles, clock } = this.#components
    const { signal } = this.#stopping
    const { reference, manifest } = candidate
    const there = this.#list.tagged(reference).find(({ image }) => image.manifest === manifest)
    if (!this.#mustAsk(candidate, there)) return undefined
    const { entry: image, away, joined } = await images.join(parseReference(reference), { signal })
    if (away) return undefined
    if (image.complete || this.#room.isWanted(image)) {
      this.#declined.note(candidate, undefined)
      return undefined
    }
    if (there !== undefined) this.#checkedMs.set(there, clock.monotonic())
    if (there?.digest !== undefined && there.digest === joined.profile) return undefined
    const profile = await profiles.of(image, { digest: joined.profile ?? null, signal })
    const newcomer = { reference, image, attachedAt: this.#attachedAt(reference) }
    if (profile === undefined || !(await this.#room.make(profile.statement.bytes, newcomer))) {
      this.#declined.note(candidate, profile?.statement.bytes)
      return undefined
    }
    this.#declined.forget(reference)
    return { reference, profile, hoarded: await this.#place(profile, newcomer) }
  }

  /** Whether the tracker must be asked about it: it has not been lately, or what it said does not hold any more. */
  #mustAsk(candidate: HoardCandidate, there: Hoarded | undefined): boolean {
    const { reference, manifest } = candidate
    if (there?.digest !== undefined) return this.#isDue(there)
    const known = this.#components.catalog.find(parseReference(reference))
    if (known?.manifest === manifest && this.#room.isWanted(known)) return false
    const attachedAt = this.#attachedAt(reference)
    return this.#declined.isDue(candidate, (bytes) => this.#room.has(bytes, { reference, attachedAt }))
  }

  /** Its place in the list, instead of what it replaces. */
  async #place(
    { statement: { bytes } }: KnownProfile,
    { reference, image, attachedAt }: Required<Newcomer>,
  ): Promise<Hoarded> {
    // The version before has had its day, but for machines that run over it.
    for (const one of this.#list.tagged(reference))
      if (one.image.version !== image.version) await this.#room.drop(one)
    // It may have been attached by now.
    const before = this.#list.find(image)
    const own = before?.own === true || this.#room.known(image) === undefined
    const hoarded = { image, bytes, own, attachedAt: Math.max(attachedAt, before?.attachedAt ?? 0) }
    this.#list.put(hoarded)
    return hoarded
  }

  /** When any version of it was attached last. */
  #attachedAt(reference: string): number {
    return Math.max(0, ...this.#list.tagged(reference).map((one) => one.attachedAt))
  }

  /** Does not throw: what could not be brought in is tried again in the next round. */
  async #bring({ reference, hoarded, profile }: Planned): Promise<void> {
    const { images, open, clock, log } = this.#components
    const { image } = hoarded
    try {
      // A grant may have ended since the beginning of the round, and somebody may want all of it now.
      const options = { signal: this.#stopping.signal }
      const answer = await images.join(parseReference(reference), options)
      if (answer.away || answer.entry.manifest !== image.manifest || this.#room.isWanted(image)) return
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

  /** What is in the list by then; one after the other, since they share a file. */
  #save(): Promise<void> {
    const saved = this.#saving.then(() => this.#components.files.save(this.#list.all))
    this.#saving = saved.catch(() => {})
    return saved
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
