import { hash } from 'node:crypto'
import { open, stat } from 'node:fs/promises'
import { addZeros, type Chunker } from '../../src/image/chunker.ts'
import { GearChunker } from '../../src/image/chunker-gear.ts'
import { PageTailChunker } from '../../src/image/chunker-page-tail.ts'
import type { BenchOptions } from './bench.ts'
import { type Row, rowOf } from './row.ts'

const KiB = 1024
const READ_BYTES = 32 * 1024 * KiB

/** Blocks of one size: what the others are measured against. Pages of zeros are no blocks. */
class FixedChunker implements Chunker {
  readonly parameters
  readonly #bytes: number

  constructor(bytes: number) {
    this.#bytes = bytes
    this.parameters = { name: 'fixed', parameters: { bytes } }
  }

  cut(piece: Parameters<Chunker['cut']>[0], spans: number[]): number {
    let at = piece.start
    while (piece.end - at >= this.#bytes || (piece.last && at < piece.end)) {
      const length = Math.min(this.#bytes, piece.end - at)
      if (isZero(piece.bytes.subarray(at, at + length))) addZeros(spans, length)
      else spans.push(length)
      at += length
    }
    return at
  }
}

function isZero(bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== 0) return false
  return true
}

const gear = (avgBytes: number) =>
  new GearChunker({ minBytes: avgBytes / 4, avgBytes, maxBytes: Math.min(avgBytes * 4, 256 * KiB) })

const OPTIMUM = 'fixed 4 KiB (the optimum)'
const CHUNKERS: readonly (readonly [string, () => Chunker])[] = [
  [OPTIMUM, () => new FixedChunker(4 * KiB)],
  ['page-tail', () => new PageTailChunker()],
  ['gear 16 KiB', () => gear(16 * KiB)],
  ['gear 64 KiB', () => gear(64 * KiB)],
  ['fixed 64 KiB', () => new FixedChunker(64 * KiB)],
]

interface Cut {
  /** Length of each different block. */
  readonly blocks: ReadonlyMap<string, number>
  /** Seconds that cutting took, without reading and hashing. */
  readonly cutSeconds: number
}

/** How much of a changed image each chunker finds in the first one, and what it costs in blocks. */
export async function run(options: BenchOptions): Promise<Row[]> {
  const { first, second } = await options.images()
  const rows: Row[] = []
  let optimum = Number.NaN
  for (const [name, make] of CHUNKERS) {
    options.say(`commonality: ${name}`)
    const source = await cutFile(first, make())
    const target = await cutFile(second, make())
    let total = 0
    let common = 0
    for (const [key, length] of target.blocks) {
      total += length
      if (source.blocks.has(key)) common += length
    }
    if (name === OPTIMUM) optimum = total - common
    const speed = (await stat(second)).size / 1e9 / target.cutSeconds
    rows.push(
      rowOf({
        bench: 'commonality',
        figure: `${name}: new bytes`,
        value: (total - common) / 1e6,
        unit: 'MB',
        yardstick: { name: OPTIMUM, value: optimum / 1e6 },
        ...(name === 'page-tail' ? { goal: { atMost: 1.1 } } : {}),
        note: `${((100 * common) / total).toFixed(2)} % common, ${target.blocks.size} blocks, cut at ${speed.toFixed(1)} GB/s`,
      }),
    )
  }
  return rows
}

async function cutFile(path: string, chunker: Chunker): Promise<Cut> {
  const blocks = new Map<string, number>()
  const file = await open(path)
  const bytes = new Uint8Array(READ_BYTES)
  let cutSeconds = 0
  let kept = 0
  let start = 0
  try {
    for (;;) {
      const { bytesRead } = await file.read(bytes, kept, READ_BYTES - kept, null)
      const end = kept + bytesRead
      const spans: number[] = []
      const begin = performance.now()
      const cut = chunker.cut({ bytes, start, end, last: bytesRead === 0 }, spans)
      cutSeconds += (performance.now() - begin) / 1000
      addBlocks(blocks, bytes.subarray(start), spans)
      // What is not cut yet keeps its place modulo 4 KiB, as the chunkers ask for.
      start = cut % (4 * KiB)
      bytes.copyWithin(0, cut - start, end)
      kept = end - cut + start
      if (bytesRead === 0) return { blocks, cutSeconds }
    }
  } finally {
    await file.close()
  }
}

function addBlocks(blocks: Map<string, number>, bytes: Uint8Array, spans: readonly number[]): void {
  let at = 0
  for (const span of spans) {
    if (span > 0) blocks.set(hash('sha256', bytes.subarray(at, at + span), 'base64').slice(0, 20), span)
    at += Math.abs(span)
  }
}
