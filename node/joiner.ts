import type { CallOptions } from '../src/core/blockstore.ts'
import type { Clock } from '../src/core/clock.ts'
import { DISK_JOIN_DOUBTED_MS, DISK_JOIN_PATIENCE_MS } from '../src/core/disk-limits.ts'
import { BootswarmError, GrantError, TimeoutError, UnreachableError } from '../src/core/errors.ts'
import { checkGrant } from '../src/core/grant.ts'
import type { Log } from '../src/core/log.ts'
import { DEFAULT_TAG, formatReference, type Reference } from '../src/core/reference.ts'
import type { CatalogEntry, ImageCatalog } from './image-catalog.ts'
import type { Joined, TrackerLink } from './tracker-link.ts'

export interface JoinerComponents {
  catalog: Pick<ImageCatalog, 'find'>
  link: Pick<TrackerLink, 'answers' | 'graceS' | 'grant' | 'join' | 'late' | 'record' | 'renewed' | 'self'>
  clock: Clock
  log: Log
}

export interface JoinOptions extends CallOptions {
  /** What a user has signed for this node. */
  delegation?: string | undefined
  /** What is known of the image beside the catalog, for when the tracker is away. */
  known?(reference: Reference): CatalogEntry | undefined
  /** Machines wait: a tracker that is silent for DISK_JOIN_PATIENCE_MS is as good as away, where what is known still holds. */
  readonly isUrgent?: boolean
}

/** What the tracker says of an image, or has said before. */
export interface JoinAnswer {
  readonly joined: Joined
  readonly entry: CatalogEntry
  /** The tracker is away: this is from an earlier answer. */
  readonly away: boolean
}

/** Enters swarms by names of images. */
export class Joiner {
  readonly #components: JoinerComponents

  constructor(components: JoinerComponents) {
    this.#components = components
  }

  /**
   * Asks the tracker; while it is away, what is known from an earlier answer will do. `entry` is not saved. Errors: those of the tracker, SignatureError when its record is not
   * what was asked for.
   */
  async join(reference: Reference, options: JoinOptions = {}): Promise<JoinAnswer> {
    const { catalog, log } = this.#components
    const { known: knownElsewhere, isUrgent = false, ...call } = options
    const { delegation } = call
    // What was lent with this question counts even if nobody answers it: others may not read such a disk.
    const find = () => {
      const known = catalog.find(reference) ?? knownElsewhere?.(reference)
      return known && { ...known, ...(delegation !== undefined && { delegation }) }
    }
    const asking = this.#ask(reference, call)
    const early = isUrgent ? find() : undefined
    try {
      return await (early === undefined ? asking : this.#soon(reference, { asking, known: early }))
    } catch (error) {
      const away = error instanceof UnreachableError || error instanceof TimeoutError
      const known = away ? find() : undefined
      if (known === undefined) throw error
      log.warn({ image: formatReference(reference) }, 'tracker is away: going on with what it said before')
      return await this.#recalled(known)
    }
  }

  async #ask(
    reference: Reference,
    { delegation, ...call }: Pick<JoinOptions, 'delegation' | 'signal'>,
  ): Promise<JoinAnswer> {
    const joined = await this.#components.link.join(reference, { delegation, ...call })
    const entry = this.#entryOf(reference, joined)
    const shown = delegation === undefined ? {} : { delegation }
    return { joined, entry: { ...entry, ...shown }, away: false }
  }

  /** The answer of the tracker, or what is known when it takes long; what it says later is taken then. Errors: as `join`. */
  async #soon(
    reference: Reference,
    { asking, known }: { asking: Promise<JoinAnswer>; known: CatalogEntry },
  ): Promise<JoinAnswer> {
    const { clock, link, log } = this.#components
    const patience = Promise.withResolvers<undefined>()
    const patienceMs = link.answers ? DISK_JOIN_PATIENCE_MS : DISK_JOIN_DOUBTED_MS
    const cancel = clock.after(patienceMs, () => patience.resolve(undefined))
    const answer = await Promise.race([asking, patience.promise]).finally(cancel)
    if (answer !== undefined) return answer
    link.late()
    let isDecided = false
    const decided = () => {
      isDecided = true
    }
    asking.then(decided, decided)
    const recalled = await this.recall(known, { needsGrant: !known.complete })
    if (recalled === undefined || isDecided) return await asking
    const image = formatReference(reference)
    log.warn({ image }, 'tracker does not answer: going on with what it said before')
    asking.then(
      ({ joined }) => this.#heard(image, { joined, known }),
      (error: unknown) => log.warn({ image, err: messageOf(error) }, 'tracker has not said more of an image'),
    )
    return recalled
  }

  /** The tracker has answered after all. */
  #heard(image: string, { joined, known }: { joined: Joined; known: CatalogEntry }): void {
    const { link, log } = this.#components
    link.renewed(joined)
    if (joined.manifest === known.manifest) return
    const versions = { attached: known.version, now: joined.record.version }
    log.warn({ image, ...versions }, 'an image has another version, said a tracker that was late')
  }

  /** What the tracker said before, without asking it again; undefined when that does not hold any more. */
  async recall(
    entry: CatalogEntry,
    { needsGrant = true }: { needsGrant?: boolean } = {},
  ): Promise<JoinAnswer | undefined> {
    try {
      if (needsGrant) await this.checkGrant(entry)
      return await this.#recalled(entry)
    } catch (error) {
      if (error instanceof BootswarmError) return undefined
      throw error
    }
  }

  /** Throws GrantError unless the grant that was given with an entry still holds, grace included. */
  async checkGrant(entry: CatalogEntry): Promise<void> {
    const { link, clock } = this.#components
    const grant = await link.grant(entry.grant)
    try {
      checkGrant(grant, { peer: link.self().peer, nowMs: clock.now(), graceS: link.graceS })
    } catch (cause) {
      if (!(cause instanceof GrantError)) throw cause
      const image = `${entry.namespace}/${entry.name}@${entry.version}`
      throw new GrantError(`the tracker is away, and its last grant for ${image} does not hold any more`, {
        ...{ cause, data: { away: true } },
      })
    }
  }

  async #recalled(entry: CatalogEntry): Promise<JoinAnswer> {
    const { record: recordToken, grant } = entry
    const record = await this.#components.link.record(recordToken)
    const joined = { manifest: record.manifest, record, recordToken, grant, peers: [] }
    return { joined, entry, away: true }
  }

  #entryOf(reference: Reference, joined: Joined): CatalogEntry {
    const { record, recordToken, grant } = joined
    const { namespace, name, version, manifest, size, sha256 } = record
    const known = this.#components.catalog.find({ namespace, name, version })
    const asked = reference.version === undefined && reference.manifest === undefined
    const tag = asked ? (reference.tag ?? DEFAULT_TAG) : known?.tag
    return {
      namespace,
      name,
      version,
      manifest,
      size,
      sha256,
      complete: known?.complete ?? false,
      pulledAt: known?.pulledAt ?? this.#components.clock.now(),
      record: recordToken,
      grant,
      ...(tag === undefined ? {} : { tag }),
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof BootswarmError ? error.message : String(error)
}
