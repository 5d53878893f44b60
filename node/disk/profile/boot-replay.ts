import type { BootRead } from '../../../src/core/boot-profile.ts'
import { REPLAY_FLIGHT_BYTES_MAX, REPLAY_STEP_BYTES } from '../../../src/core/disk-limits.ts'
import type { ByteRange } from '../read-ahead.ts'

export interface BootReplayInit {
  /** Of a disk: resolves when the ranges are here, with the bytes of blocks that were fetched for it. */
  bring(ranges: readonly ByteRange[]): Promise<number>
  /** So many bytes of blocks were fetched. */
  fetched(bytes: number): void
  readonly signal: AbortSignal
  /** Bytes of the disk that are brought in at a time; default REPLAY_FLIGHT_BYTES_MAX. */
  readonly flightBytesMax?: number
  /** Resolves when the next step may begin; default at once. */
  pause?(): Promise<void>
}

/**
 * Brings in what a boot will read, in its order, in steps of REPLAY_STEP_BYTES: one at first, since the machine that has just been given its disk reads in this moment, then one more for each that has come, up to REPLAY_FLIGHT_BYTES_MAX at a time. Resolves when all is here; with the first error nothing more is begun.
 * Errors: those of `bring`, once what was begun has ended.
 */
export async function replayBoot(reads: readonly BootRead[], init: BootReplayInit): Promise<void> {
  const { signal, flightBytesMax = REPLAY_FLIGHT_BYTES_MAX } = init
  const underWay = new Set<Promise<void>>()
  let flightBytes = 0
  let windowBytes = REPLAY_STEP_BYTES
  let failure: { readonly error: unknown } | undefined
  const begin = (ranges: readonly ByteRange[], bytes: number) => {
    flightBytes += bytes
    const brought = init
      .bring(ranges)
      .then(init.fetched, (error: unknown) => {
        failure ??= { error }
      })
      .finally(() => {
        flightBytes -= bytes
        windowBytes = Math.min(flightBytesMax, windowBytes + REPLAY_STEP_BYTES)
        underWay.delete(brought)
      })
    underWay.add(brought)
  }
  for (const step of steps(reads)) {
    const bytes = step.reduce((sum, { length }) => sum + length, 0)
    await init.pause?.()
    while (underWay.size > 0 && flightBytes + bytes > windowBytes) await Promise.race(underWay)
    if (failure !== undefined || signal.aborted) break
    begin(step, bytes)
  }
  await Promise.all(underWay)
  if (failure !== undefined) throw failure.error
}

/** The reads in order, long ones cut, in portions of REPLAY_STEP_BYTES at most. */
function* steps(reads: readonly BootRead[]): Generator<ByteRange[]> {
  let step: ByteRange[] = []
  let bytes = 0
  for (const [offset, length] of reads) {
    for (let at = offset; at < offset + length; ) {
      const part = Math.min(REPLAY_STEP_BYTES - bytes, offset + length - at)
      step.push({ offset: at, length: part })
      at += part
      bytes += part
      if (bytes < REPLAY_STEP_BYTES) continue
      yield step
      step = []
      bytes = 0
    }
  }
  if (step.length > 0) yield step
}
