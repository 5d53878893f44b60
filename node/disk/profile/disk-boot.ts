import type { BootRead } from '../../../src/core/boot-profile.ts'
import type { Clock } from '../../../src/core/clock.ts'
import { DISK_FIRST_BYTES } from '../../../src/core/disk-limits.ts'
import { BootswarmError } from '../../../src/core/errors.ts'
import type { Log } from '../../../src/core/log.ts'
import type { Disk } from '../disk.ts'
import { BootRecorder, type Recorded } from './boot-recorder.ts'
import { replayBoot } from './boot-replay.ts'
import { ByteRanges } from './byte-ranges.ts'

export interface DiskBootComponents {
  readonly disk: Disk
  readonly clock: Clock
  readonly log: Log
}

export interface DiskBootInit {
  /** What a boot has read, when its time is over. */
  recorded(recorded: Recorded): void
}

/** The boot of a machine over one disk: what it reads is recorded, and what a profile says that it will read is brought in. */
export class DiskBoot {
  readonly #components: DiskBootComponents
  readonly #recorder: BootRecorder
  /** What the profile covers. */
  #expected = new ByteRanges()
  #isRecorded = false

  constructor(components: DiskBootComponents, init: DiskBootInit) {
    const { disk, clock } = components
    this.#components = components
    this.#recorder = new BootRecorder(
      { clock },
      {
        size: disk.size,
        ended: (recorded) => {
          disk.observe(undefined)
          if (recorded !== undefined) init.recorded(recorded)
        },
      },
    )
    disk.closing.addEventListener('abort', () => this.#recorder.stop(), { once: true })
  }

  /** What comes of its recording: nothing, because it is not recorded; nothing so far, or some reads; nothing, because that was no boot. */
  get state(): 'off' | 'waiting' | 'copied' {
    if (!this.#isRecorded) return 'off'
    return this.#recorder.ended ? 'copied' : 'waiting'
  }

  /** What was read so far; undefined when that is nothing. */
  get recorded(): Recorded | undefined {
    return this.#recorder.recorded
  }

  /** Sees what guests read from now on. */
  record(): void {
    const { disk } = this.#components
    this.#isRecorded = true
    const counted = new ByteRanges()
    disk.observe((offset, length) => {
      this.#recorder.read({ offset, length })
      if (this.#expected.count === 0) return
      const { boot } = disk
      boot.reads++
      if (this.#expected.overlap({ offset, length }) === length) boot.hits++
      for (const fresh of counted.add({ offset, length })) boot.usedBytes += this.#expected.overlap(fresh)
    })
  }

  /** Brings in what firmware and tools read of any disk, while whoever has attached it is told. Does not throw: who reads it finds out. */
  async begin(): Promise<void> {
    const { disk } = this.#components
    const first = { offset: 0, length: Math.min(DISK_FIRST_BYTES, disk.size) }
    await disk.bring([first], { class: 'boot' }).catch((error: unknown) => {
      if (!(error instanceof BootswarmError)) throw error
    })
  }

  /** Resolves when everything is here that a boot will read, or the disk is closed. Does not throw. */
  async replay(reads: readonly BootRead[]): Promise<void> {
    const { disk, clock, log } = this.#components
    const beganMs = clock.monotonic()
    const expected = new ByteRanges()
    for (const [offset, length] of reads) expected.add({ offset, length })
    this.#expected = expected
    disk.boot.profileBytes = expected.bytes
    try {
      await replayBoot(reads, {
        bring: (ranges) => disk.bring(ranges, { class: 'boot' }),
        fetched: (bytes) => {
          disk.boot.fetchedBytes += bytes
        },
        signal: disk.closing,
      })
      const about = { image: disk.description, bytes: disk.boot.fetchedBytes }
      log.info({ ...about, ms: Math.round(clock.monotonic() - beganMs) }, 'what a boot reads is here')
    } catch (error) {
      if (!(error instanceof BootswarmError)) throw error
      log.info({ image: disk.description, err: error.message }, 'a boot profile was not replayed to its end')
    }
  }
}
