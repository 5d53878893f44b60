import type {
  ExportOptions,
  Extent,
  ExtentContext,
  ExtentRange,
  NbdExport,
  Piece,
} from '../../node/disk/nbd/export.ts'

const PAGE_BYTES = 4096
/** Reads that are remembered one by one: a boot makes a thousand. */
const READS_MAX = 100_000

/** One read, in the order of their coming. */
export interface DiskRead {
  /** Since the recording began: when it was asked for, and when the disk had answered; Infinity while it has not. */
  readonly seconds: number
  readonly doneSeconds: number
  readonly offset: number
  readonly length: number
}

/** What was read of a disk. */
export interface DiskReads {
  readonly requests: number
  readonly bytes: number
  /** Of the 4 KiB pages that were read at least once. */
  readonly distinctBytes: number
  /** The first hundred thousand. */
  readonly reads: readonly DiskRead[]
}

/** A disk that remembers what is read of it. */
export class RecordingDisk implements NbdExport {
  readonly name: string
  readonly description: string
  readonly size: number
  readonly #disk: NbdExport
  readonly #pages: Uint8Array
  readonly #beginMs = performance.now()
  readonly #reads: { -readonly [Key in keyof DiskRead]: DiskRead[Key] }[] = []
  #requests = 0
  #bytes = 0
  #distinctPages = 0

  constructor(disk: NbdExport) {
    this.name = disk.name
    this.description = disk.description
    this.size = disk.size
    this.#disk = disk
    this.#pages = new Uint8Array(Math.ceil(disk.size / PAGE_BYTES))
  }

  /** As of now. */
  record(): DiskReads {
    return {
      requests: this.#requests,
      bytes: this.#bytes,
      distinctBytes: this.#distinctPages * PAGE_BYTES,
      reads: this.#reads.map((read) => ({ ...read })),
    }
  }

  read(offset: number, length: number, options: ExportOptions): readonly Piece[] | Promise<readonly Piece[]> {
    const done = this.#note(offset, length)
    const answer = this.#disk.read(offset, length, options)
    if (answer instanceof Promise) answer.then(done, () => {})
    else done()
    return answer
  }

  extents(
    context: ExtentContext,
    range: ExtentRange,
    options: ExportOptions,
  ): readonly Extent[] | Promise<readonly Extent[]> {
    return this.#disk.extents(context, range, options)
  }

  prefetch(offset: number, length: number, options: ExportOptions): void | Promise<void> {
    return this.#disk.prefetch(offset, length, options)
  }

  /** Seconds since the recording began. */
  get seconds(): number {
    return (performance.now() - this.#beginMs) / 1000
  }

  /** What it returns is to be called when the disk has answered. */
  #note(offset: number, length: number): () => void {
    this.#requests += 1
    this.#bytes += length
    const read = { seconds: this.seconds, doneSeconds: Number.POSITIVE_INFINITY, offset, length }
    if (this.#reads.length < READS_MAX) this.#reads.push(read)
    const end = Math.ceil((offset + length) / PAGE_BYTES)
    for (let page = Math.floor(offset / PAGE_BYTES); page < end; page++) {
      if (this.#pages[page] !== 0) continue
      this.#pages[page] = 1
      this.#distinctPages += 1
    }
    return () => {
      read.doneSeconds = this.seconds
    }
  }
}
