import type { BlockStore } from '../core/blockstore.ts'
import { DIGEST_BYTES, type Digest } from '../core/cid.ts'
import { BootswarmError, IntegrityError, ManifestError, NotFoundError } from '../core/errors.ts'
import { CODEC_SOLID, type Frame } from '../core/frame.ts'
import { decodeFrame } from '../core/frame-codec.ts'
import { RUN_BYTES_MAX } from '../core/limits.ts'
import type { Log } from '../core/log.ts'
import { encodeBlocks } from '../wire/message-codec.ts'
import type { Want, WantDigests, WantNode } from '../wire/message-types.ts'
import type { Connection } from './connection.ts'
import { forgetDamaged } from './damaged-blocks.ts'
import type { DigestPlaces } from './digest-places.ts'
import type { SegmentReader } from './segment-reader.ts'
import type { Sent } from './serving-desk.ts'
import { isPackable, type Solid } from './solid.ts'
import type { Swarm } from './swarm.ts'

interface WantComponents {
  blocks: BlockStore
  nodes: BlockStore
  segments: SegmentReader
  log: Log
  connection: Connection
  solid?: Solid | undefined
  /** So many blocks that peers asked for were damaged, and were taken out of the store. */
  damaged(swarm: Swarm, blocks: number): void
}

interface DigestComponents extends WantComponents {
  digests: DigestPlaces
}

interface RunFrames {
  readonly indices: readonly number[]
  readonly frames: readonly Frame[]
  /** What holds those of `frames` that can be compressed together; undefined when all travel as they rest. */
  readonly solid: Uint8Array | undefined
}

/** Answers a want. What the store cannot give is answered with `failed`. */
export async function serveWant(components: WantComponents, swarm: Swarm, want: Want): Promise<Sent> {
  const { connection, log } = components
  const content = await runFrames(components, swarm, want).catch(async (error: unknown) => {
    if (!(error instanceof BootswarmError)) throw error
    log.error({ manifest: swarm.id, run: want.run, err: error.message }, 'could not read a run to serve it')
    if (error instanceof IntegrityError) await forgetRun(components, swarm, want)
    if (isDamage(error)) swarm.drop(want.run)
    return undefined
  })
  if (content === undefined)
    return { bytes: 0, room: connection.send({ type: 'failed', request: want.request }) }
  return sendFrames(connection, want.request, content)
}

/** Answers a want by digest with those of the blocks that are here and in the manifest; with `failed` when there is none. */
export async function serveDigests(
  components: DigestComponents,
  swarm: Swarm,
  want: WantDigests,
): Promise<Sent> {
  const { connection, log } = components
  const content = await digestFrames(components, swarm, want).catch(async (error: unknown) => {
    if (!(error instanceof BootswarmError)) throw error
    log.warn({ manifest: swarm.id, err: error.message }, 'could not look for blocks by digest')
    if (error instanceof IntegrityError) await forgetHere(components, swarm, want)
    return undefined
  })
  if (content === undefined)
    return { bytes: 0, room: connection.send({ type: 'failed', request: want.request }) }
  return sendFrames(connection, want.request, content)
}

export function digestsOf({ digests }: WantDigests): Digest[] {
  const all: Digest[] = []
  for (let at = 0; at < digests.length; at += DIGEST_BYTES) all.push(digests.subarray(at, at + DIGEST_BYTES))
  return all
}

async function digestFrames(
  { digests, blocks, solid }: DigestComponents,
  swarm: Swarm,
  want: WantDigests,
): Promise<RunFrames | undefined> {
  const asked = digestsOf(want)
  const known = await digests.inManifest(swarm, asked)
  const here = asked.map((_, i) => i).filter((i) => known[i] === true)
  const found = await blocks.get(here.map((i) => asked[i] as Digest))
  const indices: number[] = []
  const frames: Frame[] = []
  let bytes = 0
  found.forEach((frame, i) => {
    bytes += frame?.length ?? 0
    // Its own run would not be larger, so whoever asks for what fits into one has all of it.
    if (frame === undefined || bytes > RUN_BYTES_MAX) return
    indices.push(here[i] ?? 0)
    frames.push(frame)
  })
  if (frames.length === 0) return undefined
  const made = want.solid ? await solid?.pack(frames.filter(isPackable)) : undefined
  return { indices, frames, solid: made }
}

/** What of the run is damaged leaves the store, or its segment does. Does not throw: a store that fails now is asked again with the next want. */
async function forgetRun(components: WantComponents, swarm: Swarm, want: Want): Promise<void> {
  const { segments, nodes, log } = components
  const place = swarm.map.locate(want.run)
  const link = swarm.manifest.segments[place.segment]
  if (link === undefined) return
  try {
    const run = await segments.run(link, place.index).catch((error: unknown) => {
      if (error instanceof IntegrityError) return undefined
      throw error
    })
    if (run === undefined) await forget({ ...components, blocks: nodes }, swarm, [link.digest])
    else await forget(components, swarm, run.digests)
  } catch (error) {
    if (!(error instanceof BootswarmError)) throw error
    log.error({ manifest: swarm.id, run: want.run, err: error.message }, 'could not forget damaged blocks')
  }
}

/** What of the wanted blocks is of this manifest and damaged leaves the store. Does not throw, as forgetRun. */
async function forgetHere(components: DigestComponents, swarm: Swarm, want: WantDigests): Promise<void> {
  try {
    const asked = digestsOf(want)
    const known = await components.digests.inManifest(swarm, asked)
    await forget(
      components,
      swarm,
      asked.filter((_, i) => known[i] === true),
    )
  } catch (error) {
    if (!(error instanceof BootswarmError)) throw error
    components.log.error({ manifest: swarm.id, err: error.message }, 'could not forget damaged blocks')
  }
}

/** Errors: those of the store. */
async function forget(
  { blocks, damaged }: Pick<WantComponents, 'blocks' | 'damaged'>,
  swarm: Swarm,
  digests: readonly Digest[],
): Promise<void> {
  const count = await forgetDamaged(blocks, digests)
  if (count > 0) damaged(swarm, count)
}

/** What is wanted; undefined when it is not held. Errors: those of the store and of segments. */
async function runFrames(
  { segments, blocks, solid }: WantComponents,
  swarm: Swarm,
  want: Want,
): Promise<RunFrames | undefined> {
  if (want.run >= swarm.map.runs || !(swarm.have.has(want.run) || swarm.partly.has(want.run)))
    return undefined
  const place = swarm.map.locate(want.run)
  const link = swarm.manifest.segments[place.segment]
  if (link === undefined) return undefined
  const run = await segments.run(link, place.index)
  const indices = wantedIndices(want.missing, run.digests.length)
  if (indices === undefined) return undefined
  const frames = await blocks.get(indices.map((i) => run.digests[i] as Uint8Array))
  if (frames.every((frame) => frame !== undefined)) {
    const made = want.solid ? await solid?.pack(frames.filter(isPackable)) : undefined
    return { indices, frames, solid: made }
  }
  swarm.drop(want.run)
  return undefined
}

/** Whether it says that bytes are lost or wrong, which lasts; a store that fails may work again. */
function isDamage(error: BootswarmError): boolean {
  return error instanceof IntegrityError || error instanceof ManifestError || error instanceof NotFoundError
}

function sendFrames(connection: Connection, request: number, content: RunFrames): Sent {
  const { indices, frames, solid } = content
  const apart = solid === undefined ? frames : frames.filter((frame) => !isPackable(frame))
  const entries = frames.map((frame, i) => {
    const index = indices[i] ?? 0
    if (solid !== undefined && isPackable(frame))
      return { index, codec: CODEC_SOLID, storedLength: 0 } as const
    return { index, codec: frame.codec, storedLength: frame.bytes.length }
  })
  const pieces = joined(apart)
  if (solid !== undefined) pieces.push(solid)
  const room = connection.sendPieces(encodeBlocks({ request, entries }, pieces), { bulk: true })
  return { bytes: pieces.reduce((sum, piece) => sum + piece.length, 0), room }
}

/** The bytes of frames in as few pieces as their memory allows: what lies side by side leaves in one write, not copied. */
function joined(frames: readonly Frame[]): Uint8Array[] {
  const pieces: Uint8Array[] = []
  for (const { bytes } of frames) {
    const last = pieces.at(-1)
    const { buffer, byteOffset, length } = bytes
    if (last?.buffer === buffer && last.byteOffset + last.length === byteOffset)
      pieces[pieces.length - 1] = new Uint8Array(buffer, last.byteOffset, last.length + length)
    else pieces.push(bytes)
  }
  return pieces
}

/** Indices of the set bits; undefined when there is none or one past the run. */
function wantedIndices(missing: Uint8Array, count: number): number[] | undefined {
  const indices: number[] = []
  for (let i = 0; i < missing.length * 8; i++) {
    if (((missing[i >> 3] ?? 0) & (1 << (i & 7))) === 0) continue
    if (i >= count) return undefined
    indices.push(i)
  }
  return indices.length === 0 ? undefined : indices
}

/** Answers a request for the manifest or one of its segments. */
export async function serveNode(
  components: { nodes: BlockStore; log: Log; connection: Connection },
  swarm: Swarm,
  want: WantNode,
): Promise<Sent> {
  const { connection, log } = components
  const { request } = want
  const bytes = await nodeBytes(components.nodes, swarm, want).catch((error: unknown) => {
    if (!(error instanceof BootswarmError)) throw error
    log.error({ manifest: swarm.id, err: error.message }, 'could not read a node to serve it')
    return undefined
  })
  if (bytes === undefined) {
    const none = { total: 0, offset: 0, bytes: new Uint8Array(0) }
    return { bytes: 0, room: connection.send({ type: 'node', request, ...none }) }
  }
  let room = true
  for (let offset = 0; offset < bytes.length; offset += RUN_BYTES_MAX) {
    if (!room) await connection.drained()
    const part = bytes.subarray(offset, offset + RUN_BYTES_MAX)
    room = connection.send({ type: 'node', request, total: bytes.length, offset, bytes: part })
  }
  return { bytes: bytes.length, room }
}

async function nodeBytes(nodes: BlockStore, swarm: Swarm, want: WantNode): Promise<Uint8Array | undefined> {
  if (!swarm.hasNode(want.digest)) return undefined
  const [frame] = await nodes.get([want.digest])
  return frame === undefined ? undefined : decodeFrame(frame)
}
