import { randomFillSync } from 'node:crypto'
import { join } from 'node:path'
import { FsBlockstore } from 'blockstore-fs'
import { blockCid, digestOf } from '../../src/core/cid.ts'
import { CODEC_RAW, type Frame } from '../../src/core/frame.ts'
import { RUN_BYTES_MAX } from '../../src/core/limits.ts'
import { openPackStore } from '../../src/store/pack-store.ts'
import type { BenchOptions } from './bench.ts'
import { MB, median, timed } from './measure.ts'
import { type Row, rowOf } from './row.ts'

const KiB = 1024
/** Bytes of blocks put and got in one run. */
const TOTAL_BYTES = 64 * MB
/** Sizes of blocks: the mean that page-tail makes of a system disk, and the largest. */
const SIZES = [17 * KiB, 256 * KiB]

interface Speeds {
  readonly put: number
  readonly get: number
}

/** Put and get of the pack store, in batches of a run, against blockstore-fs with its own concurrency. */
export async function run(options: BenchOptions): Promise<Row[]> {
  const rows: Row[] = []
  for (const size of SIZES) {
    options.say(`store: blocks of ${size / KiB} KiB`)
    const pack: Speeds[] = []
    const fs: Speeds[] = []
    for (let i = 0; i < options.runs; i++) {
      const frames = makeFrames(size)
      const dir = join(options.dir, `${size}-${i}`)
      pack.push(await measurePack(`${dir}-pack`, frames))
      fs.push(await measureFs(`${dir}-fs`, frames))
    }
    for (const what of ['put', 'get'] as const) {
      const value = median(pack.map((speeds) => speeds[what]))
      rows.push(
        rowOf({
          bench: 'store',
          figure: `${what} ${size / KiB} KiB`,
          value,
          unit: 'MB/s',
          yardstick: { name: 'blockstore-fs', value: median(fs.map((speeds) => speeds[what])) },
          note: `${Math.round((value * MB) / size)} blocks/s`,
        }),
      )
    }
  }
  return rows
}

function makeFrames(size: number): Frame[] {
  return Array.from({ length: Math.floor(TOTAL_BYTES / size) }, () => {
    const bytes = randomFillSync(new Uint8Array(size))
    return { digest: digestOf(bytes), codec: CODEC_RAW, length: size, bytes }
  })
}

async function measurePack(dir: string, frames: readonly Frame[]): Promise<Speeds> {
  const store = await openPackStore({ dir })
  const batches = batchesOf(frames)
  try {
    const put = await timed(async () => {
      for (const batch of batches) await store.put(batch)
    })
    const get = await timed(async () => {
      for (const batch of batches) await store.get(batch.map((frame) => frame.digest))
    })
    return { put: speed(put), get: speed(get) }
  } finally {
    await store.close()
  }
}

function batchesOf(frames: readonly Frame[]): Frame[][] {
  const count = Math.max(1, Math.floor(RUN_BYTES_MAX / (frames[0]?.length ?? 1)))
  const batches: Frame[][] = []
  for (let at = 0; at < frames.length; at += count) batches.push(frames.slice(at, at + count))
  return batches
}

async function measureFs(dir: string, frames: readonly Frame[]): Promise<Speeds> {
  const store = new FsBlockstore(dir)
  await store.open()
  const pairs = frames.map(({ digest, bytes }) => ({ cid: blockCid(digest), bytes: once(bytes) }))
  try {
    const put = await timed(() => drain(store.putMany(pairs)))
    const get = await timed(async () => {
      for await (const { bytes } of store.getMany(pairs.map(({ cid }) => cid))) await drain(bytes)
    })
    return { put: speed(put), get: speed(get) }
  } finally {
    await store.close()
  }
}

function* once(bytes: Uint8Array): Generator<Uint8Array> {
  yield bytes
}

async function drain(source: Iterable<unknown> | AsyncIterable<unknown>): Promise<void> {
  for await (const _ of source);
}

function speed(seconds: number): number {
  return TOTAL_BYTES / MB / seconds
}
