import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { PullResult } from '../../../src/api/node-schemas.ts'
import { figuresOf } from '../../../testnet/scenarios/mass-boot-report.ts'
import type { Round } from '../../../testnet/scenarios/round.ts'

const test = suite('mass boot report')

function outcome(bytes: Partial<PullResult['bytes']>): Round['nodes'][number] {
  const none = {
    image: 0,
    local: 0,
    seeded: 0,
    fetchedUncompressed: 0,
    duplicate: 0,
    wireFromOrigin: 0,
    wireFromPeers: 0,
  }
  const pull = { bytes: { ...none, ...bytes }, seconds: 1 } as PullResult
  return { name: 'node', pull, peakResidentBytes: undefined, differsAt: undefined }
}

test('egress of the origin is what the origin says, not what nodes accepted', () => {
  const round: Round = {
    reference: 'a/b:v1',
    pushSeconds: 1,
    seconds: 2,
    originSentBytes: 150,
    nodes: [
      outcome({ wireFromOrigin: 60, wireFromPeers: 40 }),
      outcome({ wireFromOrigin: 40, wireFromPeers: 60 }),
    ],
  }
  const pages = { nonZeroBytes: 400, uniqueBytes: 200, newBytes: 200 } as Parameters<
    typeof figuresOf
  >[1]['pages']
  const figures = figuresOf(round, { path: 'x', sizeBytes: 500, pages })
  assert.is(figures.wireBytes, 100)
  assert.is(figures.originEgressBytes, 150)
  assert.is(figures.originEgressCopies, 1.5)
  assert.is(figures.originAcceptedBytes, 100)
  assert.is(figures.peerShare, 0.5)
})

test.run()
