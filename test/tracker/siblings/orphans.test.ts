import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { digestOf, type ManifestId, manifestIdOf } from '../../../src/core/cid.ts'
import type { PeerKey } from '../../../src/core/router.ts'
import { holdOrphans } from '../../../tracker/siblings/orphans.ts'
import { recordingLog } from '../../fixtures/recording-log.ts'

const test = suite('orphans')

test('whoever has a manifest of which nothing is said, has it from then on', async () => {
  const [here, gone] = ['here', 'gone'].map((text) => manifestIdOf(digestOf(Buffer.from(text))))
  const held: unknown[] = []
  const trackers = {
    orphans: async () => [here, gone] as ManifestId[],
    hold: async (tracker: PeerKey, manifests: readonly ManifestId[]) => void held.push([tracker, manifests]),
  }
  const { log, lines } = recordingLog()
  await holdOrphans({ trackers, nodes: { has: async () => [true, false] }, log }, { self: 'me' as PeerKey })
  assert.equal(held, [['me', [here]]])
  assert.is(lines.length, 1)
})

test.run()
