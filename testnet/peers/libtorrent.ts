import { MKTORRENT, OPENTRACKER, publishTorrent } from './bittorrent.ts'
import type { Contestant, Entry, Race } from './contestant.ts'
import { LibtorrentPeer, PYTHON, type SessionSettings } from './libtorrent-peer.ts'
import { makePlaces, type ProgramSpec, probePrograms } from './programs.ts'

const LIBTORRENT: ProgramSpec = {
  command: [PYTHON, '-c', 'import libtorrent; print("libtorrent", libtorrent.__version__)'],
  version: /(libtorrent) (\S+)/,
  debian: 'python3-libtorrent',
}

interface Tuning {
  readonly settings: SessionSettings
  /** Of the origin's session, in the place of those above. */
  readonly seedSettings: SessionSettings
  readonly superSeeding: boolean
  /** Whether every client is told of all others at its start, beside what the tracker says. */
  readonly introduced: boolean
  /** Binary logarithm of the piece length. */
  readonly pieceBits: number
}

/** As the library comes. */
const DEFAULTS: Tuning = {
  settings: {},
  seedSettings: {},
  superSeeding: false,
  introduced: false,
  pieceBits: 18,
}

/** What made it faster on links of 100 Mbit/s with 8 nodes, setting by setting; `docs/benchmarks/` has what each of them brought. */
const TUNED: Tuning = {
  settings: {
    // TCP alone: congestion control of uTP yields to itself in the queues of these links.
    enable_outgoing_utp: false,
    enable_incoming_utp: false,
    // Requests for one second ahead instead of three: less is asked of the origin that peers have by then.
    request_queue_time: 1,
    unchoke_slots_limit: 4,
  },
  // The fewer the origin serves at once, the sooner somebody has a whole piece to pass on; with one it does not use its link.
  seedSettings: { unchoke_slots_limit: 2 },
  superSeeding: false,
  introduced: true,
  pieceBits: 18,
}

/** The better one of those that were tried. */
export const libtorrent: Contestant = libtorrentContestant({
  name: 'libtorrent',
  setting: 'libtorrent and opentracker, tuned for a local network',
  tuning: TUNED,
})

export const libtorrentDefaults: Contestant = libtorrentContestant({
  name: 'libtorrent-defaults',
  setting: 'libtorrent as it comes, and opentracker',
  tuning: DEFAULTS,
})

function libtorrentContestant(init: { name: string; setting: string; tuning: Tuning }): Contestant {
  return {
    name: init.name,
    setting: init.setting,
    arenas: ['namespaces'],
    probe: () => probePrograms([LIBTORRENT, OPENTRACKER, MKTORRENT]),
    prepare: (race) => prepare(race, init.tuning),
  }
}

async function prepare(race: Race, tuning: Tuning): Promise<Entry> {
  const { origin, receivers, dir, file } = race
  const { settings, seedSettings, superSeeding, introduced, pieceBits } = tuning
  const places = await makePlaces({ dir, receivers, previous: undefined })
  const torrent = await publishTorrent({ origin, dir, file, pieceBits })
  const common = { torrent: torrent.path, superSeeding }
  const all = [origin, ...receivers].map(({ address }) => address)
  const seed = new LibtorrentPeer(
    origin,
    {
      ...common,
      ...{ settings: { ...settings, ...seedSettings }, dir: torrent.seedDir, seed: true, peers: [] },
    },
    places.log(origin),
  )
  const peers = new Map(
    receivers.map((host) => {
      const others = introduced ? all.filter((address) => address !== host.address) : []
      const init = { ...common, settings, dir: places.dir(host), seed: false, peers: others }
      return [host, new LibtorrentPeer(host, init, places.log(host))]
    }),
  )
  const close = async () => {
    for (const peer of [seed, ...peers.values()]) peer.kill()
    torrent.stop()
  }
  try {
    await Promise.all([seed, ...peers.values()].map((peer) => peer.ready()))
    await seed.run('seeding')
    await torrent.seedKnown()
  } catch (error) {
    await close()
    throw error
  }
  return {
    fetch: async (host) => await peers.get(host)?.run('complete'),
    output: async (host) => places.result(host),
    async duplicateBytes() {
      const counts = await Promise.all([...peers.values()].map((peer) => peer.duplicateBytes()))
      return counts.reduce((sum, bytes) => sum + bytes, 0)
    },
    close,
  }
}
