import type { Row } from './row.ts'

/** What every bench is given. */
export interface BenchOptions {
  /** A directory of its own, removed afterwards. */
  readonly dir: string
  /** Runs of each figure; the median counts. */
  readonly runs: number
  /** Size of the disk images; files fill 40 % of them. */
  readonly imageBytes: number
  readonly seed: number
  /** How many nodes come, where a bench is about a crowd. */
  readonly nodes: number
  /** Says what goes on, on standard error. */
  readonly say: (text: string) => void
  /** Two ext4 images with files of this machine, made once for all benches. */
  readonly images: () => Promise<{ first: string; second: string }>
  /** Where a bench leaves CSV, JSON and plots; nowhere when undefined. */
  readonly outDir?: string
  readonly signal?: AbortSignal
}

/** A bench: a file of this folder that measures one thing. */
export type Bench = (options: BenchOptions) => Promise<Row[]>
