import type { BlockStore } from '../core/blockstore.ts'
import { type Digest, type DigestKey, digestKey } from '../core/cid.ts'
import { ProtocolError } from '../core/errors.ts'
import { CODEC_SOLID, type Frame, type FrameVerifier, type PlacedFrame } from '../core/frame.ts'
import { RUN_BYTES_MAX } from '../core/limits.ts'
import type { BufferPool } from '../util/buffer-pool.ts'
import type { Blocks } from '../wire/message-types.ts'
import type { RunBlocks } from './segment-reader.ts'

/** The blocks of one run to be wanted from one peer. */
export interface RunWant {
  readonly run: number
  readonly blocks: RunBlocks
  /** Indices in the run, ascending. */
  readonly indices: readonly number[]
  /** Bitmap of `indices`, as it travels. */
  readonly missing: Uint8Array
  /** Uncompressed bytes wanted. */
  readonly bytes: number
}

/** Those of `indices`, of blocks of a run, that the store lacks, each digest once. */
export async function missingIndices(
  blocks: RunBlocks,
  indices: readonly number[],
  store: BlockStore,
): Promise<number[]> {
  const held = await store.has(indices.map((i) => blocks.digests[i] as Digest))
  const seen = new Set<DigestKey>()
  return indices.filter((index, i) => {
    if (held[i] === true) return false
    const key = digestKey(blocks.digests[index] as Digest)
    if (seen.has(key)) return false
    seen.add(key)
    return true
  })
}

/** The part of its run that each block belongs to: the one that its first byte lies in, when a run is cut into equal parts. */
export function partsOfBlocks(lengths: readonly number[], partsPerRun: number): number[] {
  let offset = 0
  return lengths.map((length) => {
    const part = Math.floor((offset * partsPerRun) / RUN_BYTES_MAX)
    offset += length
    return part
  })
}

/** Those of `indices`, or of all, that lie in the given parts (bit k: part k). */
export function indicesOfParts(
  blocks: RunBlocks,
  of: { parts: number; partsPerRun: number },
  indices: Iterable<number> = blocks.lengths.keys(),
): number[] {
  const partOf = partsOfBlocks(blocks.lengths, of.partsPerRun)
  return [...indices].filter((i) => (of.parts & (1 << (partOf[i] ?? 0))) !== 0)
}

export function runWant(run: number, blocks: RunBlocks, indices: readonly number[]): RunWant {
  const missing = new Uint8Array((blocks.digests.length + 7) >> 3)
  let bytes = 0
  for (const i of indices) {
    missing[i >> 3] = (missing[i >> 3] ?? 0) | (1 << (i & 7))
    bytes += blocks.lengths[i] ?? 0
  }
  return { run, blocks, indices, missing, bytes }
}

/**
 * What an answer gives of a want, as if no more had been wanted: of a want by digest that may be a part, with indices that count the
 * digests. Throws ProtocolError when it holds other blocks than were wanted.
 */
export function givenOf(
  peer: { readonly related?: unknown },
  want: RunWant,
  answer: Blocks,
): { want: RunWant; answer: Blocks } {
  if (peer.related === undefined) return { want, answer }
  const indices = answer.entries.map(({ index }) => {
    const given = want.indices[index]
    if (given === undefined) throw new ProtocolError('answer has other blocks than wanted')
    return given
  })
  const entries = answer.entries.map((entry, i) => ({ ...entry, index: indices[i] ?? 0 }))
  return { want: runWant(want.run, want.blocks, indices), answer: { ...answer, entries } }
}

/** The frames of an answer, not yet verified. Throws ProtocolError when it holds other blocks than were wanted. */
export function framesOf(want: RunWant, answer: Blocks): { buffer: Uint8Array; frames: PlacedFrame[] } {
  if (answer.entries.length !== want.indices.length)
    throw new ProtocolError('answer has other blocks than wanted')
  let offset = answer.payload.byteOffset
  const apartBytes = answer.entries.reduce((sum, { storedLength }) => sum + storedLength, 0)
  const solid = { offset: offset + apartBytes, storedLength: answer.payload.length - apartBytes }
  const frames = answer.entries.map(({ index, codec, storedLength }, i) => {
    const digest = want.blocks.digests[index]
    const length = want.blocks.lengths[index]
    if (index !== want.indices[i] || digest === undefined || length === undefined) {
      throw new ProtocolError('answer has other blocks than wanted')
    }
    if (codec === CODEC_SOLID) return { digest, codec, length, ...solid }
    offset += storedLength
    return { digest, codec, length, offset: offset - storedLength, storedLength }
  })
  return { buffer: new Uint8Array(answer.payload.buffer), frames }
}

/** Frames of a run that are right, in the memory of their answer. */
export interface VerifiedRun {
  readonly frames: readonly Frame[]
  /** How many were not. */
  readonly wrong: number
}

export async function verified(
  verifier: FrameVerifier,
  run: { buffer: Uint8Array; frames: PlacedFrame[] },
): Promise<VerifiedRun> {
  const { frames } = await verifier.verifyRun(run)
  const right = frames.filter((frame) => frame !== undefined)
  return { frames: right, wrong: frames.length - right.length }
}

/** Stores them, and gives their memory back. Returns their sizes. Errors: those of `put`; then they stay as they are. */
export async function storeFrames(
  { store, buffers }: { store: BlockStore; buffers: BufferPool },
  frames: readonly Frame[],
): Promise<{ blocks: number; bytes: number }> {
  await store.put(frames)
  const bytes = frames.reduce((sum, frame) => sum + frame.length, 0)
  if (frames[0] !== undefined) buffers.give(frames[0].bytes.buffer)
  return { blocks: frames.length, bytes }
}
