import type { DigestKey } from '../../../src/core/cid.ts'
import type { Clock } from '../../../src/core/clock.ts'
import {
  BOOT_OFFER_RETRY_MS,
  BOOT_OFFER_SPREAD_MS,
  BOOT_OFFER_TRIES_MAX,
  BOOT_OFFERS_MAX,
  BOOT_RECORDINGS_ENOUGH,
} from '../../../src/core/disk-limits.ts'
import {
  AbortedError,
  BootswarmError,
  BusyError,
  StateError,
  TimeoutError,
  UnreachableError,
} from '../../../src/core/errors.ts'
import type { Lifecycle } from '../../../src/core/lifecycle.ts'
import type { Log } from '../../../src/core/log.ts'
import type { Random } from '../../../src/core/random.ts'
import { unless } from '../../../src/util/unless.ts'
import type { CatalogEntry } from '../../image-catalog.ts'
import type { Disk } from '../disk.ts'
import type { BootProfiles } from './boot-profiles.ts'
import type { Recorded } from './boot-recorder.ts'
import { DiskBoot } from './disk-boot.ts'
import { withoutHoles } from './without-holes.ts'

export interface DiskBootsComponents {
  readonly profiles: Pick<BootProfiles, 'of' | 'find' | 'hasSent' | 'send'>
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

export interface OpenedInit {
  /** It was attached now: what is read of it is a boot. A disk that came back with the node has machines that run already. */
  readonly isNew: boolean
  /** What names the profile that the tracker has; null: none; undefined: it was not asked. */
  readonly digest: DigestKey | null | undefined
}

/** Why there is no recording of a disk. */
const WHY_NOTHING = {
  off: 'this disk came back when the node was started, with machines that had booted before',
  waiting: 'no machine has booted from this disk since it was attached',
  copied: 'more of this disk was read than a boot reads, as by a copy',
} as const

interface Offered extends Recorded {
  /** The tracker had no profile when the disk was attached: nobody has recorded the image, or its profile was dropped. */
  readonly isWanted: boolean
}

/** Boots over the disks of a node: records them, offers what was recorded to the tracker, and replays its profiles. */
export class DiskBoots implements Lifecycle {
  readonly #components: DiskBootsComponents
  readonly #boots = new WeakMap<Disk, DiskBoot>()
  readonly #stopping = new AbortController()
  readonly #offers = new Set<Promise<void>>()

  constructor(components: DiskBootsComponents) {
    this.#components = components
  }

  async start(): Promise<void> {}

  /** What was recorded and not sent is lost. */
  async stop(): Promise<void> {
    this.#stopping.abort(new AbortedError('the node is stopping'))
    await Promise.all(this.#offers)
  }

  /** A disk was opened: machines do not wait for what is done here. */
  opened(disk: Disk, { isNew, digest }: OpenedInit): void {
    const { clock, log } = this.#components
    const isWanted = digest === null
    const recorded = (all: Recorded) => this.#offer(disk, { ...all, isWanted })
    const boot = new DiskBoot({ disk, clock, log }, { recorded })
    this.#boots.set(disk, boot)
    if (isNew) boot.record()
    void this.#replay(disk, boot, { digest, begun: isNew && !disk.complete ? boot.begin() : undefined })
  }

  /** Sends what was read of a disk so far. Errors: StateError when that is nothing, those of the tracker. */
  async send(disk: Disk): Promise<Recorded> {
    const boot = this.#boots.get(disk)
    const recorded = boot?.recorded
    if (recorded === undefined) {
      const advice = 'Detach it, attach it again, boot a machine from it, and try again.'
      throw new StateError(`nothing was recorded: ${WHY_NOTHING[boot?.state ?? 'off']}`, { data: { advice } })
    }
    const sent = { ...recorded, reads: await withoutHoles(disk, recorded.reads) }
    await this.#components.profiles.send(disk.entry, sent)
    return sent
  }

  async #replay(
    disk: Disk,
    boot: DiskBoot,
    { digest, begun }: { digest: OpenedInit['digest']; begun: Promise<void> | undefined },
  ): Promise<void> {
    if (disk.complete) return
    try {
      const asked = this.#components.profiles.of(disk.entry, { digest, signal: disk.closing })
      const [profile] = await Promise.all([asked, begun])
      if (profile !== undefined) await boot.replay(profile.reads)
    } catch (error) {
      this.#failed('could not get a boot profile', disk.entry, error)
    }
  }

  #offer(disk: Disk, { isWanted, ...recorded }: Offered): void {
    if (this.#stopping.signal.aborted || this.#offers.size >= BOOT_OFFERS_MAX) return
    const image = disk.entry
    const offered = withoutHoles(disk, recorded.reads)
      .then((reads) => this.#offered(image, { ...recorded, reads, isWanted }))
      .catch((error: unknown) => {
        if (!this.#stopping.signal.aborted) this.#failed('could not send what a boot reads', image, error)
      })
      .finally(() => this.#offers.delete(offered))
    this.#offers.add(offered)
  }

  /** Not at the same time as all who have booted at the same time; and not when the tracker has enough. */
  async #offered(image: CatalogEntry, { isWanted, ...recorded }: Offered): Promise<void> {
    const { profiles, random, log } = this.#components
    const { signal } = this.#stopping
    if (!isWanted && (await profiles.hasSent(image))) return
    await this.#pause(random() * BOOT_OFFER_SPREAD_MS)
    for (let tries = 1; ; tries++) {
      try {
        const known = await profiles.find(image, { signal })
        if ((known?.statement.recordings ?? 0) >= BOOT_RECORDINGS_ENOUGH) return
        await profiles.send(image, recorded, { signal })
        log.info({ image: image.name, reads: recorded.reads.length }, 'sent what a boot reads')
        return
      } catch (error) {
        if (!isPassing(error) || tries === BOOT_OFFER_TRIES_MAX) throw error
      }
      await this.#pause(BOOT_OFFER_RETRY_MS * 2 ** tries * (0.5 + random()))
    }
  }

  async #pause(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const cancel = this.#components.clock.after(ms, resolve)
    await unless(this.#stopping.signal, promise).finally(cancel)
  }

  #failed(what: string, { namespace, name, version }: CatalogEntry, error: unknown): void {
    const image = `${namespace}/${name}@${version}`
    if (error instanceof BootswarmError) this.#components.log.info({ image, err: error.message }, what)
    else this.#components.log.error({ image, err: error }, what)
  }
}

function isPassing(error: unknown): boolean {
  return error instanceof UnreachableError || error instanceof TimeoutError || error instanceof BusyError
}
