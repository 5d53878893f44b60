import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { UsageError } from '../../../src/core/errors.ts'
import type { ArenaKind } from '../../../testnet/arena/arena.ts'
import { namespacesLack } from '../../../testnet/arena/ip.ts'
import { openArena } from '../../../testnet/arena/open-arena.ts'
import { uniformTopology } from '../../../testnet/arena/topology.ts'
import { runRace } from '../../../testnet/compare/race.ts'
import { changedCopy } from '../../../testnet/images/changed-copy.ts'
import { writeRandomFile } from '../../../testnet/images/random-file.ts'
import type { Contestant, RaceResult } from '../../../testnet/peers/contestant.ts'
import { contestantsOf } from '../../../testnet/peers/contestants.ts'
import { testsThatNeed } from '../../fixtures/programs.ts'
import { withScratch } from '../../fixtures/scratch.ts'

const SIZE_BYTES = 3 * 1024 ** 2
const RATE = 200e6
/** Headers, acknowledgements, greetings of peers, requests and pieces that two peers sent. */
const OVERHEAD = 1.5

async function race(contestant: Contestant, kind: ArenaKind, update: boolean): Promise<RaceResult> {
  return await withScratch(async (dir) => {
    const first = join(dir, 'first')
    const second = join(dir, 'second')
    await writeRandomFile(first, { sizeBytes: SIZE_BYTES, seed: 1 })
    await changedCopy({ source: first, target: second, seed: 1 })
    const arena = await openArena(uniformTopology({ nodes: 2, bitsPerSecond: RATE }), { kind })
    try {
      const files = update ? { file: second, previous: first } : { file: first, previous: undefined }
      return await runRace({ arena, contestant, ...files, linkSeconds: (SIZE_BYTES * 8) / RATE })
    } finally {
      await arena.close()
    }
  })
}

function checkWhole(result: RaceResult): void {
  assert.is(result.verified, 2)
  assert.is(result.nodes.length, 2)
  for (const node of result.nodes) {
    assert.ok(node.seconds > 0)
    assert.ok(
      node.receivedBytes >= SIZE_BYTES && node.receivedBytes < SIZE_BYTES * OVERHEAD,
      `${node.receivedBytes}`,
    )
  }
  assert.ok(result.originSentBytes >= SIZE_BYTES, `${result.originSentBytes}`)
  assert.ok(result.cpuSeconds > 0)
  assert.is(result.curve.at(-1)?.complete, 2)
}

const rootLack = namespacesLack()
for (const contestant of contestantsOf(['all'])) {
  const found = await contestant.probe()
  const lack = 'lack' in found ? `${contestant.name}: ${found.lack}` : undefined
  testsThatNeed(test, rootLack ?? lack)(`${contestant.name} brings a file to all hosts`, async () => {
    checkWhole(await race(contestant, 'namespaces', false))
  })
  if (['rsync', 'casync', 'bootswarm'].includes(contestant.name)) {
    testsThatNeed(test, rootLack ?? lack)(`${contestant.name} fetches of an update what is new`, async () => {
      const result = await race(contestant, 'namespaces', true)
      assert.is(result.verified, 2)
      for (const node of result.nodes)
        assert.ok(node.receivedBytes < SIZE_BYTES * 0.6, `${node.receivedBytes}`)
    })
  }
}

const [nginx] = contestantsOf(['nginx'])
const nginxFound = await nginx?.probe()
const nginxLack = nginxFound !== undefined && 'lack' in nginxFound ? nginxFound.lack : undefined
testsThatNeed(test, nginxLack)('nginx runs on the loopback interface too', async () => {
  if (nginx === undefined) throw new UsageError('there is no nginx')
  checkWhole(await race(nginx, 'loopback', false))
})

test('a name that is none is refused with those that there are', () => {
  assert.throws(() => contestantsOf(['ftp']), /there is no system "ftp"; there is: bootswarm, nginx/)
})

test('names choose, in their order and once', () => {
  assert.equal(
    contestantsOf(['rsync', 'nginx', 'rsync']).map(({ name }) => name),
    ['rsync', 'nginx'],
  )
})

test.run()
