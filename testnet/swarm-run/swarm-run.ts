import type { PullProgress, PullResult } from '../../src/api/node-schemas.ts'
import type { Traffic } from '../arena/arena.ts'

/** How far one node was: seconds since the common start, share of the image's runs that it held. */
export interface CurvePoint {
  readonly seconds: number
  readonly share: number
}

/** What one node did in a run. */
export interface NodeRun {
  readonly name: string
  readonly rack: string
  /** When it was told to pull, since the common start. */
  readonly startSeconds: number
  /** From then to complete; undefined when it did not get there. */
  readonly seconds: number | undefined
  /** Why not. */
  readonly failure: string | undefined
  /** The node's own account; undefined when it did not get there. */
  readonly pull: PullResult | undefined
  readonly curve: readonly CurvePoint[]
  /** Over its link, start to end of the run. */
  readonly link: Traffic
  /** User and system time of the daemon during the run; undefined where the system does not say. */
  readonly cpuSeconds: number | undefined
  /** Whether its export was the source byte for byte; undefined when it was not complete. */
  readonly verified: boolean | undefined
}

/** One image that goes from the origin to nodes. */
export interface SwarmRun {
  readonly nodes: readonly NodeRun[]
  /** From the common start until the last node that got there was complete. */
  readonly seconds: number
  /** Bytes of the file. */
  readonly fileBytes: number
  /** Over the origin's link, in copies of the file: headers, handshakes and answers of the tracker are in it. */
  readonly originLinkCopies: number
  /** The tracker's own count of frames and nodes that it sent, in copies; undefined where it could not be asked. */
  readonly originCopies: number | undefined
  /** Bytes that left racks, over one copy; undefined with one rack. */
  readonly crossRackCopies: number | undefined
  /** Wire bytes of blocks that had already arrived, over all wire bytes. */
  readonly duplicateShare: number
  readonly trackerCpuSeconds: number | undefined
  readonly nodesCpuSeconds: number | undefined
}

/** What something that happens in the middle of a run waits for. */
export function meanShare(progress: readonly (PullProgress | undefined)[]): number {
  return progress.reduce((sum, one) => sum + shareOf(one), 0) / Math.max(1, progress.length)
}

export function shareOf(progress: PullProgress | undefined): number {
  return progress === undefined || progress.runs.total === 0 ? 0 : progress.runs.done / progress.runs.total
}
