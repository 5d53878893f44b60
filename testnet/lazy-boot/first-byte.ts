import { setTimeout as sleep } from 'node:timers/promises'
import { StateError, TimeoutError } from '../../src/core/errors.ts'
import type { NodeHandle } from '../handles.ts'
import { readOnce } from '../vm/first-byte.ts'
import { withNode } from '../with-node.ts'

/** A page: what a machine reads first of any disk. */
export const FIRST_BYTES = 4096
const LOOK_MS = 20
/** A node that starts enrols within a second or two. */
const ENROL_MS = 60_000

export interface FirstByteInit {
  readonly reference: string
  readonly name: string
  /** Where it is read; the first page by default. */
  readonly offset?: number
}

/** Milliseconds from the request to attach an image until a page of it has come through the socket of its disk. Throws StateError when that is all zeros. */
export async function firstByteMs(node: NodeHandle, init: FirstByteInit): Promise<number> {
  const { reference, name, offset = 0 } = init
  const beginMs = performance.now()
  const disk = await withNode(node, (client) => client.disks.attach({ reference, name, fill: false }))
  const at = { socket: disk.socket, name: disk.export, length: FIRST_BYTES, offset }
  const bytes = await readOnce(at)
  const tookMs = performance.now() - beginMs
  if (bytes.every((byte) => byte === 0)) throw new StateError(`${reference} has nothing at ${offset}`)
  return tookMs
}

/** The node has nothing of the images of these disks any more, and has just started and enrolled. Throws TimeoutError when it does not. */
export async function startAnew(
  node: NodeHandle,
  disks: readonly Pick<FirstByteInit, 'reference' | 'name'>[],
): Promise<void> {
  await withNode(node, async (client) => {
    for (const { name } of disks) await client.disks.detach(name, { force: true })
    for (const reference of new Set(disks.map((disk) => disk.reference))) await client.remove(reference)
  })
  // What took part in their swarms has ended with it.
  await node.restart()
  await withNode(node, (client) => client.gc())
  const endMs = performance.now() + ENROL_MS
  while ((await withNode(node, (client) => client.status())).enrolment.state !== 'active') {
    if (performance.now() > endMs) throw new TimeoutError(`a node has not enrolled in ${ENROL_MS / 1000} s`)
    await sleep(LOOK_MS)
  }
}
