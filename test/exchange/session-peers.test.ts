import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { ManifestId } from '../../src/core/cid.ts'
import { UnreachableError } from '../../src/core/errors.ts'
import { FIRST_DIALS_MS } from '../../src/core/limits.ts'
import type { PeerAddress, PeerKey } from '../../src/core/router.ts'
import type { Download } from '../../src/exchange/download.ts'
import type { SessionComponents } from '../../src/exchange/session-components.ts'
import { SessionPeers } from '../../src/exchange/session-peers.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'
import { recordingLog } from '../fixtures/recording-log.ts'
import { seededRandom } from '../fixtures/seeded-random.ts'

const test = suite('session peers')
const LABELS = { zone: 'a', rack: '1' }

/** Peers of one rack, and what a download hears of its mates. */
function peersOfRack({ isUrgent = false } = {}) {
  const clock = new FakeClock()
  const dialled: string[] = []
  const components = {
    ...{ clock, log: recordingLog().log, random: seededRandom(1), labels: LABELS },
    labelsOf: () => LABELS,
    connect: async ({ peer }: PeerAddress) => {
      dialled.push(peer)
      if (isUrgent) await new Promise(() => {})
      throw new UnreachableError('nobody is there')
    },
  }
  const peers = new SessionPeers(components as unknown as SessionComponents, {
    isUrgent,
    manifest: 'manifest' as ManifestId,
    grant: () => 'grant',
    arrived() {},
  })
  const heard: (readonly PeerKey[])[] = []
  const download = { mates: (keys: readonly PeerKey[]) => heard.push(keys) }
  return { peers, heard, clock, dialled, download: download as unknown as Download }
}

const mate = (name: string): PeerAddress => ({ peer: name as PeerKey, addresses: [], labels: LABELS })

test('mates that are not handed out any more are not told again', () => {
  const { peers, heard, download } = peersOfRack()
  peers.learn([mate('one')])
  peers.learn([mate('two'), { ...mate('far'), labels: { zone: 'a', rack: '2' } }])
  peers.serve(download)
  peers.learn([mate('two'), mate('three')])
  peers.learn([mate('three')])
  assert.equal(heard, [['one', 'two'], ['two', 'three'], ['three']])
  peers.close()
})

test('for machines that wait a peer nearby and an origin are dialled first', async () => {
  const { peers, clock, dialled } = peersOfRack({ isUrgent: true })
  peers.learn([{ ...mate('origin'), origin: true }, mate('one'), mate('two'), mate('three')])
  assert.is(dialled.length, 2)
  assert.is(dialled[1], 'origin')
  await clock.advance(FIRST_DIALS_MS)
  assert.equal(dialled.sort(), ['one', 'origin', 'three', 'two'])
  peers.close()
})

test('else all are dialled at once', () => {
  const { peers, dialled } = peersOfRack()
  peers.learn([mate('one'), mate('two'), mate('three')])
  assert.is(dialled.length, 3)
  peers.close()
})

test.run()
