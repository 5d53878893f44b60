/** How far an import is. All but `blocks` and `newBlocks` in bytes. */
export interface ImportProgress {
  /** Bytes of the image that are cut, hashed and, where new, compressed; zero spans included. */
  readonly scannedBytes: number
  /** Bytes of the image; undefined for a stream. */
  readonly totalBytes: number | undefined
  /** Bytes in zero spans, which are never blocks. */
  readonly zeroBytes: number
  /** Blocks of the image, those included that come several times. */
  readonly blocks: number
  /** Blocks that the sink lacked. */
  readonly newBlocks: number
  /** Their bytes, uncompressed. */
  readonly newBytes: number
  /** Their bytes as stored and sent, of those that are durable in the sink. */
  readonly storedBytes: number
}

type Counter = Exclude<keyof ImportProgress, 'totalBytes'>

/** Adds up an import's progress and reports it. */
export class ImportMeter {
  readonly #report: (progress: ImportProgress) => void
  #progress: ImportProgress

  constructor(totalBytes: number | undefined, report: (progress: ImportProgress) => void) {
    const zero = { scannedBytes: 0, zeroBytes: 0, blocks: 0, newBlocks: 0, newBytes: 0, storedBytes: 0 }
    this.#progress = { ...zero, totalBytes }
    this.#report = report
  }

  get progress(): ImportProgress {
    return this.#progress
  }

  add(counts: Partial<Record<Counter, number>>): void {
    const sums: Record<string, number | undefined> = { ...this.#progress }
    for (const [counter, count] of Object.entries(counts)) sums[counter] = (sums[counter] ?? 0) + count
    this.#progress = sums as unknown as ImportProgress
    this.#report(this.#progress)
  }
}
