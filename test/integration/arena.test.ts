// deadline: 240 s
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { ArenaKind } from '../../testnet/arena/arena.ts'
import { namespacesLack } from '../../testnet/arena/ip.ts'
import { openArena } from '../../testnet/arena/open-arena.ts'
import { uniformTopology } from '../../testnet/arena/topology.ts'
import { writeRandomFile } from '../../testnet/images/random-file.ts'
import { openField, runSwarm } from '../../testnet/swarm-run/run-swarm.ts'
import { processesNaming } from '../fixtures/leftovers.ts'
import { testsThatNeed } from '../fixtures/programs.ts'

const test = suite('arena')
const asRoot = testsThatNeed(test, namespacesLack())
const SIZE_BYTES = 8 * 1024 ** 2

/** What holds at any speed. */
async function checkSwarm(kind: ArenaKind): Promise<void> {
  const topology = uniformTopology({ nodes: 4, racks: 2, bitsPerSecond: 50e6, uplinkBitsPerSecond: 100e6 })
  const arena = await openArena(topology, { kind })
  try {
    const file = join(arena.dir, 'image')
    await writeRandomFile(file, { sizeBytes: SIZE_BYTES, seed: 7 })
    const field = await openField({ arena, file, name: 't' })
    const run = await runSwarm(field, { deadlineSeconds: 150 })
    assert.equal(
      run.nodes.map(({ verified, failure }) => failure ?? verified),
      [true, true, true, true],
    )
    assert.ok((run.originCopies ?? 9) <= 1.5, `${run.originCopies} copies by the count of the origin`)
    assert.ok(
      run.originLinkCopies >= 1 && run.originLinkCopies <= 1.7,
      `${run.originLinkCopies} over its link`,
    )
    assert.ok((run.crossRackCopies ?? 0) >= 1, 'what the second rack has came over its uplink')
    for (const { pull, link } of run.nodes) {
      assert.ok(link.receivedBytes >= SIZE_BYTES)
      const { half, allRuns } = pull?.milestones ?? {}
      assert.ok(half !== undefined && allRuns !== undefined && half <= allRuns)
    }
    const labels = field.hosts.map(({ rack }) => rack)
    assert.equal(labels, ['rack-1', 'rack-1', 'rack-2', 'rack-2'])
    await field.testnet.destroy()
  } finally {
    await arena.close()
  }
  assert.not(existsSync(arena.dir))
  assert.equal(processesNaming(arena.dir), [])
}

test('four nodes get an image on the loopback interface, without root', () => checkSwarm('loopback'))
asRoot('four nodes get an image in network namespaces', () => checkSwarm('namespaces'))

test.run()
