import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { BusyError } from '../../../src/core/errors.ts'
import { TRACKER_HEARTBEAT_MS } from '../../../src/core/registry-limits.ts'
import type { PeerAddress, PeerKey } from '../../../src/core/router.ts'
import type { StoredTracker } from '../../../tracker/catalog/tracker-catalog.ts'
import { Presence } from '../../../tracker/siblings/presence.ts'
import { FakeClock } from '../../fixtures/fake-clock.ts'
import { recordingLog } from '../../fixtures/recording-log.ts'

const test = suite('presence')
const self = 'self' as PeerKey
const other: StoredTracker = {
  peer: 'other' as PeerKey,
  url: 'https://other',
  addresses: ['/o'],
  seenAtMs: 1,
}

/** A catalog in memory, which may be away. */
function parts() {
  const clock = new FakeClock()
  const { log, lines } = recordingLog()
  const puts: StoredTracker[] = []
  const introduced: PeerAddress[] = []
  const state = { away: false }
  const trackers = {
    async put(tracker: StoredTracker) {
      if (state.away) throw new BusyError('away')
      puts.push(tracker)
    },
    async list() {
      return [other, ...puts.slice(-1)]
    },
  }
  const address = () => ({ peer: self, addresses: [`/self/${puts.length}`] })
  const introduce = (peers: readonly PeerAddress[]) => void introduced.push(...peers)
  return { components: { trackers, clock, log, address, introduce }, clock, lines, puts, introduced, state }
}

test('says that it is there, where it is now, and meets the others', async () => {
  const { components, clock, puts, introduced } = parts()
  const presence = new Presence(components, { url: 'https://self', shared: true })
  await presence.start()
  const first = { peer: self, url: 'https://self', addresses: ['/self/0'], seenAtMs: clock.now() }
  assert.equal(puts, [first])
  assert.equal(introduced, [{ peer: other.peer, addresses: ['/o'] }])
  await clock.advance(TRACKER_HEARTBEAT_MS)
  assert.equal(puts[1], { ...first, addresses: ['/self/1'], seenAtMs: first.seenAtMs + TRACKER_HEARTBEAT_MS })
  await presence.stop()
  assert.is(puts.at(-1)?.seenAtMs, 0, 'and that it has gone')
  await clock.advance(10 * TRACKER_HEARTBEAT_MS)
  assert.is(puts.length, 3)
})

test('alone on its catalog it says so once', async () => {
  const { components, clock, puts, introduced } = parts()
  const presence = new Presence(components, { url: 'https://self', shared: false })
  await presence.start()
  await clock.advance(10 * TRACKER_HEARTBEAT_MS)
  await presence.stop()
  assert.is(puts.length, 1)
  assert.equal(introduced, [])
})

test('an outage is two lines of the log, however long it lasts', async () => {
  const { components, clock, puts, lines, state } = parts()
  const presence = new Presence(components, { url: 'https://self', shared: true })
  await presence.start()
  state.away = true
  for (let i = 0; i < 5; i++) await clock.advance(TRACKER_HEARTBEAT_MS)
  assert.is(puts.length, 1)
  state.away = false
  for (let i = 0; i < 2; i++) await clock.advance(TRACKER_HEARTBEAT_MS)
  assert.is(puts.length, 3)
  assert.is(lines.length, 2)
  state.away = true
  await presence.stop()
})

test.run()
