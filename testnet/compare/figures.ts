import type { Report, SystemReport, SystemRun } from './report.ts'

/** Medians over the runs of one system. */
export interface Figures {
  readonly lastSeconds: number
  readonly medianSeconds: number
  /** Time of the last node over that of one GET in the same run. */
  readonly ratio: number
  /** Bytes on a receiver's link, mean of the receivers. */
  readonly receivedBytes: number
  readonly originSentBytes: number
  /** Bytes of the origin's link over those of one copy. */
  readonly originCopies: number
  /** Share of the received bytes that came from other receivers. */
  readonly peerShare: number
  /** Share of the received bytes that was not needed; undefined where the system does not say. */
  readonly duplicateShare: number | undefined
  /** Bytes over the racks' uplinks in copies; undefined with one rack. */
  readonly crossRackCopies: number | undefined
  /** Bytes that came into each rack but the origin's, in copies; undefined with one rack. */
  readonly furtherRackCopies: number | undefined
  readonly cpuSeconds: number
  /** Of the run with the fewest. */
  readonly verified: number
}

export function lastSeconds(run: SystemRun): number {
  return Math.max(...run.nodes.map((node) => node.seconds))
}

function meanReceived(run: SystemRun): number {
  return sum(run.nodes.map((node) => node.receivedBytes)) / Math.max(1, run.nodes.length)
}

/** What one receiver needed on its link: what it received less what the system calls duplicates. */
export function copyBytes(run: SystemRun): number {
  return meanReceived(run) - (run.duplicateBytes ?? 0) / Math.max(1, run.nodes.length)
}

/** Undefined where no run was finished. */
export function figuresOf(system: SystemReport): Figures | undefined {
  const { runs } = system
  if (runs.length === 0) return undefined
  const medianOf = (of: (run: SystemRun) => number) => median(runs.map(of))
  const medianOfKnown = (of: (run: SystemRun) => number | undefined) => {
    const known = runs.flatMap((run) => of(run) ?? [])
    return known.length === 0 ? undefined : median(known)
  }
  return {
    lastSeconds: medianOf(lastSeconds),
    medianSeconds: medianOf((run) => median(run.nodes.map((node) => node.seconds))),
    ratio: medianOf((run) => lastSeconds(run) / run.getSeconds),
    receivedBytes: medianOf(meanReceived),
    originSentBytes: medianOf((run) => run.originSentBytes),
    originCopies: medianOf((run) => share(run.originSentBytes, copyBytes(run))),
    peerShare: medianOf((run) => share(run.fromPeersBytes, meanReceived(run) * run.nodes.length)),
    duplicateShare: medianOfKnown((run) =>
      run.duplicateBytes === undefined
        ? undefined
        : share(run.duplicateBytes, meanReceived(run) * run.nodes.length),
    ),
    crossRackCopies: medianOfKnown((run) =>
      run.crossRackBytes === undefined ? undefined : share(run.crossRackBytes, copyBytes(run)),
    ),
    furtherRackCopies: medianOfKnown((run) =>
      run.furtherRackBytes === undefined ? undefined : share(run.furtherRackBytes, copyBytes(run)),
    ),
    cpuSeconds: medianOf((run) => run.cpuSeconds),
    verified: Math.min(...runs.map((run) => run.verified)),
  }
}

/** The run whose last node is the median: what plots show. */
export function medianRun(system: SystemReport): SystemRun | undefined {
  const sorted = system.runs.toSorted((a, b) => lastSeconds(a) - lastSeconds(b))
  return sorted[Math.floor((sorted.length - 1) / 2)]
}

/** Time of the last node that no system can beat, from the conditions alone: max(F/s, F/u, N·F/(s + N·u)). */
export function boundSeconds({ conditions }: Pick<Report, 'conditions'>): number {
  const { nodes, rateBitsPerSecond: rate, imageBytes } = conditions
  const bits = imageBytes * 8
  return Math.max(bits / rate, (nodes * bits) / (rate + nodes * rate))
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = (sorted.length - 1) / 2
  return ((sorted[Math.floor(middle)] ?? Number.NaN) + (sorted[Math.ceil(middle)] ?? Number.NaN)) / 2
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

function share(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole
}
