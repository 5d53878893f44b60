import type { Clock } from '../../src/core/clock.ts'
import {
  DISK_LOSS_ERROR_MS,
  HOARD_FLIGHT_BYTES_MAX,
  HOARD_STEP_PAUSE_MS,
} from '../../src/core/disk-limits.ts'
import { UnreachableError } from '../../src/core/errors.ts'
import { unless } from '../../src/util/unless.ts'
import type { Disk } from './disk.ts'
import type { KnownProfile } from './profile/boot-profiles.ts'
import { replayBoot } from './profile/boot-replay.ts'

interface HoardBootInit {
  readonly reads: KnownProfile['reads']
  readonly stopping: AbortSignal
  /** So many bytes of blocks were fetched. */
  fetched(bytes: number): void
}

/**
 * Brings in what a boot will read, slowly, and closes the disk. Gives up when nothing has come for as long as a read waits that is to fail in the end. Errors: UnreachableError then; those of
 * reads; the reason of `stopping`.
 */
export async function hoardBoot(
  { clock, disk }: { clock: Clock; disk: Disk },
  { reads, stopping, fetched }: HoardBootInit,
): Promise<void> {
  const late = new AbortController()
  const watch = () =>
    clock.after(DISK_LOSS_ERROR_MS, () =>
      late.abort(new UnreachableError(`nobody has given anything for ${DISK_LOSS_ERROR_MS / 1000} s`)),
    )
  const pause = async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    await unless(stopping, promise).finally(clock.after(HOARD_STEP_PAUSE_MS, resolve))
  }
  let cancel = watch()
  try {
    const signal = AbortSignal.any([stopping, disk.closing, late.signal])
    await replayBoot(reads, {
      bring: (ranges) => disk.bring(ranges, { signal, class: 'background' }),
      fetched: (bytes) => {
        fetched(bytes)
        cancel()
        cancel = watch()
      },
      ...{ signal, pause, flightBytesMax: HOARD_FLIGHT_BYTES_MAX },
    })
    signal.throwIfAborted()
  } finally {
    cancel()
    await disk.close()
  }
}
