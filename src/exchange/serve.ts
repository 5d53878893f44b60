import type { BlockStore } from '../core/blockstore.ts'
import type { Frame } from '../core/frame.ts'
import { decodeFrame } from '../core/frame-codec.ts'
import { RUN_BYTES_MAX } from '../core/limits.ts'
import { encodeBlocks } from '../wire/message-codec.ts'
import type { Want, WantNode } from '../wire/message-types.ts'
import type { Connection } from './connection.ts'
import type { SegmentReader } from './segment-reader.ts'
import type { Swarm } from './swarm.ts'

interface WantComponents {
  blocks: BlockStore
  segments: SegmentReader
  connection: Connection
}

/** Answers a want. Returns false when the channel is full. Errors of the store are thrown. */
export async function serveWant(components: WantComponents, swarm: Swarm, want: Want): Promise<boolean> {
  const { connection } = components
  const failed = () => connection.send({ type: 'failed', request: want.request })
  if (want.run >= swarm.map.runs || !swarm.have.has(want.run)) return failed()
  const place = swarm.map.locate(want.run)
  const link = swarm.manifest.segments[place.segment]
  if (link === undefined) return failed()
  const run = await components.segments.run(link, place.index)
  const indices = wantedIndices(want.missing, run.digests.length)
  if (indices === undefined) return failed()
  const frames = await components.blocks.get(indices.map((i) => run.digests[i] as Uint8Array))
  if (!frames.every((frame) => frame !== undefined)) {
    swarm.drop(want.run)
    return failed()
  }
  return sendFrames(connection, want.request, { indices, frames })
}

function sendFrames(
  connection: Connection,
  request: number,
  content: { indices: readonly number[]; frames: readonly Frame[] },
): boolean {
  const entries = content.frames.map((frame, i) => ({
    index: content.indices[i] ?? 0,
    codec: frame.codec,
    storedLength: frame.bytes.length,
  }))
  const pieces = content.frames.map((frame) => frame.bytes)
  return connection.sendPieces(encodeBlocks({ request, entries }, pieces), { bulk: true })
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

/** Answers a request for the manifest or one of its segments. Returns false when the channel is full. */
export async function serveNode(
  components: { nodes: BlockStore; connection: Connection },
  swarm: Swarm,
  want: WantNode,
): Promise<boolean> {
  const { connection } = components
  const [frame] = swarm.hasNode(want.digest) ? await components.nodes.get([want.digest]) : []
  if (frame === undefined) {
    return connection.send({
      type: 'node',
      request: want.request,
      total: 0,
      offset: 0,
      bytes: new Uint8Array(0),
    })
  }
  const bytes = decodeFrame(frame)
  let room = true
  for (let offset = 0; offset < bytes.length; offset += RUN_BYTES_MAX) {
    const part = bytes.subarray(offset, offset + RUN_BYTES_MAX)
    room = connection.send({ type: 'node', request: want.request, total: bytes.length, offset, bytes: part })
    if (!room) await connection.drained()
  }
  return room
}
