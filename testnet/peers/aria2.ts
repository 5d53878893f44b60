import type { ChildProcess } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { StateError } from '../../src/core/errors.ts'
import type { ArenaHost } from '../arena/arena.ts'
import { logTail } from '../daemon.ts'
import { MKTORRENT, OPENTRACKER, PEER_PORT, publishTorrent } from './bittorrent.ts'
import type { Contestant, Entry, Race } from './contestant.ts'
import { environment, makePlaces, type ProgramSpec, probePrograms } from './programs.ts'

const ARIA2: ProgramSpec = {
  command: ['aria2c', '--version'],
  version: /^(aria2) version (\S+)/,
  debian: 'aria2',
}
/** Binary logarithm of the piece length: 256 KiB, as torrents of this size usually have. */
const PIECE_BITS = 18
const OPTIONS = [
  ...['--no-conf', '--quiet', '--file-allocation=none', '--seed-ratio=0.0', `--listen-port=${PEER_PORT}`],
  // Multicast and the DHT are not what a site finds its peers with.
  ...['--enable-dht=false', '--enable-dht6=false', '--bt-enable-lpd=false', '--disable-ipv6=true'],
]

/** BitTorrent with aria2 everywhere; peers are found by a tracker and by each other. */
export const aria2: Contestant = {
  name: 'aria2',
  setting: 'aria2c as BitTorrent client on all hosts, opentracker',
  arenas: ['namespaces'],
  probe: () => probePrograms([ARIA2, OPENTRACKER, MKTORRENT]),
  prepare,
}

async function prepare(race: Race): Promise<Entry> {
  const { origin, receivers, dir, file } = race
  const places = await makePlaces({ dir, receivers, previous: undefined })
  const torrent = await publishTorrent({ origin, dir, file, pieceBits: PIECE_BITS })
  const logPath = places.log(origin)
  const args = [...OPTIONS, '--bt-seed-unverified=true', '-d', torrent.seedDir, torrent.path]
  const seed = origin.spawn('aria2c', args, { env: environment, logPath })
  const clients = new Set<ChildProcess>()
  const close = async () => {
    for (const client of clients) client.kill('SIGKILL')
    seed.kill()
    torrent.stop()
  }
  try {
    await torrent.seedKnown()
  } catch (error) {
    await close()
    throw error
  }
  return {
    async fetch(host) {
      const init = { torrent: torrent.path, dir: places.dir(host), logPath: places.log(host) }
      const client = startClient(host, init)
      clients.add(client)
      await completion(client, { what: `aria2c on ${host.name}`, logPath: init.logPath })
    },
    output: async (host) => places.result(host),
    // It counts none.
    duplicateBytes: async () => undefined,
    close,
  }
}

/** When it has every piece it prints a line by `echo`, and goes on seeding. */
function startClient(host: ArenaHost, init: { torrent: string; dir: string; logPath: string }): ChildProcess {
  const log = openSync(init.logPath, 'a', 0o600)
  try {
    const args = [...OPTIONS, '--on-bt-download-complete=/bin/echo', '-d', init.dir, init.torrent]
    return host.start('aria2c', args, { env: environment, stdio: ['ignore', 'pipe', log] })
  } finally {
    closeSync(log)
  }
}

/** Resolves with its first line. Errors: StateError when it ends without one. */
function completion(
  client: ChildProcess,
  { what, logPath }: { what: string; logPath: string },
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  client.stdout?.once('data', () => resolve())
  client.once('error', (cause) => reject(new StateError(`${what} could not be started`, { cause })))
  client.once('close', (code) => reject(new StateError(`${what} ended (exit ${code})${logTail(logPath)}`)))
  return promise
}
