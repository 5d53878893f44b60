import {
  ALLOCATION,
  CACHED,
  type Extent,
  type ExtentContext,
  type ExtentRange,
  type NbdExport,
  type Piece,
} from '../../node/disk/nbd/export.ts'

const PAGE_BYTES = 4096

/** A disk in memory: pages of zeros are holes, and everything is local. */
export class MemoryDisk implements NbdExport {
  readonly name: string
  readonly description: string
  readonly size: number
  readonly #bytes: Buffer
  /** One for each page that is not all zeros. */
  readonly #isData: Uint8Array

  constructor(init: { name: string; description?: string; bytes: Buffer }) {
    this.name = init.name
    this.description = init.description ?? 'a disk in memory'
    this.size = init.bytes.length
    this.#bytes = init.bytes
    const zeros = Buffer.alloc(PAGE_BYTES)
    this.#isData = Uint8Array.from({ length: Math.ceil(this.size / PAGE_BYTES) }, (_, page) => {
      const bytes = init.bytes.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES)
      return bytes.equals(zeros.subarray(0, bytes.length)) ? 0 : 1
    })
  }

  read(offset: number, length: number): readonly Piece[] {
    return this.#runs(offset, length).map(({ from, to, isData }) =>
      isData ? this.#bytes.subarray(from, to) : { zeros: to - from },
    )
  }

  extents(context: ExtentContext, { offset, length, extentsMax }: ExtentRange): readonly Extent[] {
    if (context === 'cached') return [{ length, flags: CACHED.local }]
    const { hole, zero } = ALLOCATION
    return this.#runs(offset, length)
      .slice(0, extentsMax)
      .map(({ from, to, isData }) => ({ length: to - from, flags: isData ? 0 : hole | zero }))
  }

  prefetch(): void {}

  #runs(offset: number, length: number): { from: number; to: number; isData: boolean }[] {
    const end = offset + length
    const runs: { from: number; to: number; isData: boolean }[] = []
    for (let from = offset; from < end; ) {
      const state = this.#isData[Math.floor(from / PAGE_BYTES)]
      let page = Math.floor(from / PAGE_BYTES) + 1
      while (page * PAGE_BYTES < end && this.#isData[page] === state) page++
      const to = Math.min(end, page * PAGE_BYTES)
      runs.push({ from, to, isData: state === 1 })
      from = to
    }
    return runs
  }
}
