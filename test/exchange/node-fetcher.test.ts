import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { digestOf } from '../../src/core/cid.ts'
import { TimeoutError } from '../../src/core/errors.ts'
import { silentLog } from '../../src/core/log.ts'
import type { Neighbours } from '../../src/exchange/neighbours.ts'
import { NodeFetcher } from '../../src/exchange/node-fetcher.ts'
import type { SessionPeer } from '../../src/exchange/session-peer.ts'

const test = suite('node fetcher')
const NODE = new Uint8Array([1, 2, 3])

function setUp(givers: Record<string, () => Promise<Uint8Array>>) {
  const gone: string[] = []
  const peers = Object.entries(givers).map(
    ([key, node]) => ({ key, id: 1, timeouts: 0, connection: { node } }) as unknown as SessionPeer,
  )
  const remove = (peer: SessionPeer) => {
    gone.push(peer.key)
    peers.splice(peers.indexOf(peer), 1)
  }
  const neighbours = {
    get all() {
      return [...peers]
    },
    ban: remove,
    release: remove,
  } as unknown as Neighbours
  const fetcher = new NodeFetcher({ neighbours, log: silentLog, random: () => 0 })
  return { fetcher, gone }
}

test('lets go of a peer that is silent twice', async () => {
  const silent = async () => {
    throw new TimeoutError('peer did not answer in time')
  }
  const { fetcher, gone } = setUp({ silent, good: async () => NODE })
  await fetcher.fetch(digestOf(NODE))
  assert.equal(gone, [])
  await fetcher.fetch(digestOf(NODE))
  assert.equal(gone, ['silent'])
})

test('drops a peer that gives a wrong node, and goes on', async () => {
  const { fetcher, gone } = setUp({ liar: async () => new Uint8Array(3), good: async () => NODE })
  assert.equal(await fetcher.fetch(digestOf(NODE)), NODE)
  assert.equal(gone, ['liar'])
})

test('ends when it is stopped while nobody has the node', async () => {
  const { fetcher } = setUp({})
  const fetching = fetcher.fetch(digestOf(NODE)).catch((error: { code?: string }) => error.code)
  fetcher.stop()
  assert.is(await fetching, 'E_ABORTED')
})

test.run()
