import type { Clock } from '../../src/core/clock.ts'
import type { DiskClient } from './disk-client.ts'
import type { DiskRead } from './recording-disk.ts'

/** Below this a timer of Node.js is late. */
const WAIT_MS_MIN = 1

/** The reads of a boot, in the order of their coming, and when it was over. Seconds since its start. */
export interface BootTrace {
  readonly reads: readonly DiskRead[]
  readonly seconds: number
}

/** What a replay has read, in the order of the trace. */
export interface Replayed {
  readonly seconds: number
  readonly bytes: readonly Buffer[]
}

/** A recording of a disk as the trace of a boot that began and was over so many seconds after the recording had begun. */
export function bootTrace(
  reads: readonly DiskRead[],
  { begin, end }: { begin: number; end: number },
): BootTrace {
  const before = reads.filter(({ seconds }) => seconds <= end)
  const since = ({ seconds, doneSeconds, ...range }: DiskRead) => ({
    ...range,
    seconds: Math.max(0, seconds - begin),
    doneSeconds: Math.max(0, Math.min(doneSeconds, end) - begin),
  })
  return { reads: before.map(since), seconds: end - begin }
}

export interface ReplayComponents {
  readonly client: Pick<DiskClient, 'read'>
  readonly clock: Clock
}

/**
 * Reads as a machine read: each read is made when all are answered that were answered when the machine made it, and as long after the last of these as the machine thought. So a slow answer
 * holds up at least what it held up there. Errors: those of the client.
 */
export async function replayTrace(trace: BootTrace, { client, clock }: ReplayComponents): Promise<Replayed> {
  const beginMs = clock.monotonic()
  const last = { recorded: 0, actualMs: beginMs }
  const answers: Promise<Buffer>[] = []
  let open: { doneSeconds: number; answered: Promise<number> }[] = []
  const until = async (seconds: number) => {
    const due = open.filter(({ doneSeconds }) => doneSeconds <= seconds)
    open = open.filter(({ doneSeconds }) => doneSeconds > seconds)
    for (const { doneSeconds, answered } of due) {
      last.actualMs = Math.max(last.actualMs, await answered)
      last.recorded = Math.max(last.recorded, doneSeconds)
    }
    const waitMs = last.actualMs + (seconds - last.recorded) * 1000 - clock.monotonic()
    if (waitMs >= WAIT_MS_MIN) await new Promise<void>((resolve) => clock.after(waitMs, resolve))
  }
  for (const { seconds, doneSeconds, offset, length } of trace.reads) {
    await until(seconds)
    const answer = client.read(offset, length)
    const answered = answer.then(() => clock.monotonic())
    // Whoever waits for it is told, now or at the end.
    answered.catch(() => {})
    open.push({ doneSeconds, answered })
    answers.push(answer)
  }
  await until(trace.seconds)
  const seconds = (clock.monotonic() - beginMs) / 1000
  return { seconds, bytes: await Promise.all(answers) }
}
