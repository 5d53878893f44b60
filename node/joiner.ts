import type { CallOptions } from '../src/core/blockstore.ts'
import type { Clock } from '../src/core/clock.ts'
import { BootswarmError, GrantError, TimeoutError, UnreachableError } from '../src/core/errors.ts'
import { checkGrant } from '../src/core/grant.ts'
import type { Log } from '../src/core/log.ts'
import { DEFAULT_TAG, formatReference, type Reference } from '../src/core/reference.ts'
import type { CatalogEntry, ImageCatalog } from './image-catalog.ts'
import type { Joined, TrackerLink } from './tracker-link.ts'

export interface JoinerComponents {
  catalog: Pick<ImageCatalog, 'find'>
  link: Pick<TrackerLink, 'join' | 'record' | 'grant' | 'self' | 'graceS'>
  clock: Clock
  log: Log
}

export interface JoinOptions extends CallOptions {
  /** What a user has signed for this node. */
  delegation?: string | undefined
  /** What is known of the image beside the catalog, for when the tracker is away. */
  known?(reference: Reference): CatalogEntry | undefined
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
    const { link, catalog, log } = this.#components
    const { delegation, known: knownElsewhere, ...call } = options
    try {
      const joined = await link.join(reference, { delegation, ...call })
      const entry = this.#entryOf(reference, joined)
      const shown = delegation === undefined ? {} : { delegation }
      return { joined, entry: { ...entry, ...shown }, away: false }
    } catch (error) {
      const away = error instanceof UnreachableError || error instanceof TimeoutError
      const known = away ? (catalog.find(reference) ?? knownElsewhere?.(reference)) : undefined
      if (known === undefined) throw error
      log.warn({ image: formatReference(reference) }, 'tracker is away: going on with what it said before')
      return await this.#recalled(known)
    }
  }

  /** What the tracker said before, without asking it again; undefined when that does not hold any more. */
  async recall(entry: CatalogEntry): Promise<JoinAnswer | undefined> {
    try {
      await this.checkGrant(entry)
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
