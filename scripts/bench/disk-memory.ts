import { execFile } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { StateError } from '../../src/core/errors.ts'
import type { Testnet } from '../../testnet/handles.ts'
import { createTestnet } from '../../testnet/testnet.ts'
import { withNode } from '../../testnet/with-node.ts'
import type { BenchOptions } from './bench.ts'
import { MB } from './measure.ts'
import { type Row, rowOf } from './row.ts'
import { writeSyntheticDisk } from './synthetic-disk.ts'

const execute = promisify(execFile)
const MiB = 1024 * 1024
const DISKS = 20
const DISK_BYTES = 64 * MiB
/** Machines that read at a time. */
const AT_A_TIME = 5
const GOAL_MB = 300

/** Resident memory of a daemon that has 20 disks of different images, before and after all of them are read from end to end, five at a time. */
export async function diskMemory(options: BenchOptions): Promise<Row[]> {
  const testnet = await createTestnet({ nodes: 1 })
  try {
    const [node] = testnet.nodes
    if (node === undefined) throw new StateError('the testnet has no node')
    const sockets: string[] = []
    for (let i = 0; i < DISKS; i++) {
      options.say(`disk: image ${i + 1} of ${DISKS}`)
      sockets.push(await attachNew(testnet, options, i))
    }
    const attached = node.resident()?.bytes
    options.say('disk: reading all of them')
    for (let from = 0; from < DISKS; from += AT_A_TIME)
      await Promise.all(
        sockets.slice(from, from + AT_A_TIME).map((uri) => execute('nbdcopy', [uri, 'null:'])),
      )
    const { bytes, peakBytes } = node.resident() ?? {}
    const row = (figure: string, value: number | undefined) =>
      rowOf({
        ...{ bench: 'disk', figure: `daemon with ${DISKS} disks of different images: ${figure}`, unit: 'MB' },
        ...{ value: (value ?? Number.NaN) / MB, goal: { atMost: GOAL_MB } },
      })
    return [row('attached', attached), row('after all were read', bytes), row('peak', peakBytes)]
  } finally {
    await testnet.destroy()
  }
}

/** Makes an image like no other, pushes it, and attaches it; resolves with how to read it when all of it is at the node. */
async function attachNew(testnet: Testnet, { dir, seed }: BenchOptions, index: number): Promise<string> {
  const [node] = testnet.nodes
  const path = join(dir, 'one.img')
  const reference = `bench/disk-${index}:v1`
  await writeSyntheticDisk(path, { sizeBytes: DISK_BYTES, seed: seed * 1000 + index })
  const pushed = await testnet.cli(['image', 'push', path, reference])
  await rm(path)
  if (pushed.code !== 0 || node === undefined) throw new StateError(`push failed: ${pushed.stderr}`)
  return await withNode(node, async (client) => {
    await client.pull(reference)
    const { socket, export: name } = await client.disks.attach({ reference })
    return `nbd+unix:///${encodeURIComponent(name)}?socket=${encodeURIComponent(socket)}`
  })
}
