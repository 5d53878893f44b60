import { readFile } from 'node:fs/promises'
import { constants, zstdCompressSync } from 'node:zlib'
import { digestKey, digestOf } from '../../src/core/cid.ts'
import { blockLengths, runsOf, SegmentBuilder } from '../../src/core/segment.ts'
import { PageTailChunker } from '../../src/image/chunker-page-tail.ts'
import type { BenchOptions } from './bench.ts'
import { debianImage } from './debian-images.ts'
import { MB } from './measure.ts'
import { type Row, rowOf } from './row.ts'

/** What a node that holds another image has of one run, and what it wants. */
interface RunWant {
  readonly held: readonly Uint8Array[]
  readonly wanted: readonly Uint8Array[]
}

/** Bytes of a run on the wire, by the level of zstd. */
type Variant = (run: RunWant, level: number) => number

const join = (blocks: readonly Uint8Array[]) => Buffer.concat(blocks)

function packed(bytes: Uint8Array, level: number, dictionary?: Uint8Array): number {
  const params = { [constants.ZSTD_c_compressionLevel]: level }
  const { length } = zstdCompressSync(bytes, dictionary === undefined ? { params } : { params, dictionary })
  return Math.min(length, bytes.length)
}

const VARIANTS: readonly (readonly [string, readonly number[], Variant])[] = [
  [
    'each block alone',
    [1, 3, 6, 9, 12],
    ({ wanted }, level) => wanted.reduce((sum, block) => sum + packed(block, level), 0),
  ],
  ['a run together', [1, 3, 6, 9, 12], ({ wanted }, level) => packed(join(wanted), level)],
  [
    'a run together, its held blocks as dictionary',
    [3, 9],
    ({ wanted, held }, level) => packed(join(wanted), level, join(held)),
  ],
]

/** Bytes of what is missing of one Debian system where another is, in every way to compress it that docs/decisions/0012 weighs. */
export async function run(options: BenchOptions): Promise<Row[]> {
  const first = await debianImage('openssh-server,curl', options.say)
  const second = await debianImage('nginx-light,python3', options.say)
  const held = new Set<string>()
  for (const { blocks } of await runsOfImage(first)) for (const [key] of blocks) held.add(key)
  const runs = missing(await runsOfImage(second), held)
  const blockBytes = runs.reduce((sum, { wanted }) => sum + join(wanted).length, 0)
  const rows: Row[] = []
  for (const [name, levels, variant] of VARIANTS) {
    for (const level of levels) {
      options.say(`solid: ${name}, level ${level}`)
      const before = process.cpuUsage()
      const bytes = runs.reduce((sum, one) => sum + variant(one, level), 0)
      const { user, system } = process.cpuUsage(before)
      const atRest = rows[0]?.value ?? bytes / MB
      rows.push(
        rowOf({
          ...{ bench: 'solid', figure: `${name}, level ${level}`, value: bytes / MB, unit: 'MB' },
          yardstick: { name: 'as blocks rest', value: atRest },
          note: `${(blockBytes / (user + system)).toFixed(0)} MB/s of blocks`,
        }),
      )
    }
  }
  return rows
}

async function runsOfImage(path: string): Promise<{ blocks: (readonly [string, Uint8Array])[] }[]> {
  const bytes = await readFile(path)
  const spans: number[] = []
  new PageTailChunker().cut({ bytes, start: 0, end: bytes.length, last: true }, spans)
  const builder = new SegmentBuilder()
  const blocks: (readonly [string, Uint8Array])[] = []
  const runs: { blocks: (readonly [string, Uint8Array])[] }[] = []
  const close = (segment: ReturnType<SegmentBuilder['finish']>) => {
    if (segment === undefined) return
    const own = blocks.splice(0, blockLengths(segment).length)
    for (const { first, count } of runsOf(segment)) runs.push({ blocks: own.slice(first, first + count) })
  }
  let at = 0
  for (const span of spans) {
    const block = bytes.subarray(at, at + Math.abs(span))
    at += block.length
    if (span < 0) builder.zeros(-span)
    else {
      const digest = digestOf(block)
      close(builder.block(digest, span))
      blocks.push([digestKey(digest), block])
    }
  }
  close(builder.finish())
  return runs
}

/** Each block once, as a node asks for it. */
function missing(runs: Awaited<ReturnType<typeof runsOfImage>>, held: ReadonlySet<string>): RunWant[] {
  const asked = new Set<string>()
  const wants = runs.map(({ blocks }) => {
    const want = { held: [] as Uint8Array[], wanted: [] as Uint8Array[] }
    for (const [key, block] of blocks) {
      if (held.has(key)) want.held.push(block)
      else if (!asked.has(key)) want.wanted.push(block)
      if (!held.has(key)) asked.add(key)
    }
    return want
  })
  return wants.filter(({ wanted }) => wanted.length > 0)
}
