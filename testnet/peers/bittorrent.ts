import { createHash } from 'node:crypto'
import { copyFile, link, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ProtocolError, TimeoutError } from '../../src/core/errors.ts'
import type { ArenaHost } from '../arena/arena.ts'
import { endOf, environment, type ProgramSpec, RESULT, whenListening } from './programs.ts'

const TRACKER_PORT = 6969
/** Where every client listens; each has an address of its own. */
export const PEER_PORT = 6881
const SEED_KNOWN_TIMEOUT_MS = 20_000
const POLL_MS = 50

export const MKTORRENT: ProgramSpec = {
  command: ['mktorrent', '-h'],
  version: /(mktorrent) (\S+)/,
  debian: 'mktorrent',
}
export const OPENTRACKER: ProgramSpec = {
  // It has no option that prints a version.
  command: ['opentracker', '-h'],
  version: /(opentracker)/i,
  debian: 'opentracker',
}

export interface Torrent {
  readonly path: string
  /** Has the file under the name that is in the torrent. */
  readonly seedDir: string
  /** Resolves when the tracker knows the seed: peers that ask from then on hear of it. */
  seedKnown(): Promise<void>
  stop(): void
}

/** What a publisher of a torrent has: the file, its torrent and a tracker, all on the origin. */
export async function publishTorrent(init: {
  origin: ArenaHost
  dir: string
  file: string
  /** Binary logarithm of the piece length. */
  pieceBits: number
}): Promise<Torrent> {
  const { origin, dir, file, pieceBits } = init
  const seedDir = join(dir, 'seed')
  await mkdir(seedDir)
  await link(file, join(seedDir, RESULT)).catch(() => copyFile(file, join(seedDir, RESULT)))
  const path = join(dir, 'image.torrent')
  const logPath = join(dir, 'mktorrent.log')
  const tracker = `http://${origin.address}:${TRACKER_PORT}`
  const args = ['-a', `${tracker}/announce`, '-l', String(pieceBits), '-o', path, join(seedDir, RESULT)]
  await endOf(origin.spawn('mktorrent', args, { env: environment, logPath }), 'mktorrent', logPath)
  const infoHash = infoHashOf(await readFile(path))
  const stop = await startTracker(origin, { dir, infoHash })
  return { path, seedDir, seedKnown: () => seedKnown(tracker, infoHash), stop }
}

/** SHA-1 of the value of `info` (BEP 3), which mktorrent writes as the last key: all bytes up to the end of the outer dictionary. */
export function infoHashOf(torrent: Buffer): Buffer {
  const key = torrent.indexOf('4:info')
  if (key === -1) throw new ProtocolError('mktorrent wrote a torrent without info')
  return createHash('sha1')
    .update(torrent.subarray(key + '4:info'.length, -1))
    .digest()
}

/** opentracker: announces over HTTP, everything in memory. Debian's serves only torrents that are in a list. */
async function startTracker(
  origin: ArenaHost,
  { dir, infoHash }: { dir: string; infoHash: Buffer },
): Promise<() => void> {
  const logPath = join(dir, 'tracker.log')
  // It makes this its root directory, and becomes nobody.
  const work = join(dir, 'tracker')
  await mkdir(work)
  await writeFile(join(work, 'whitelist'), `${infoHash.toString('hex')}\n`)
  const listen = ['-i', origin.listenAddress, '-p', String(TRACKER_PORT)]
  const args = [...listen, '-d', work, '-w', '/whitelist']
  const tracker = origin.spawn('opentracker', args, { env: environment, logPath })
  await origin.expose(TRACKER_PORT)
  await whenListening({
    ...{ process: tracker, what: 'opentracker', logPath },
    ...{ address: origin.listenAddress, port: TRACKER_PORT },
  })
  return () => tracker.kill()
}

async function seedKnown(tracker: string, infoHash: Buffer): Promise<void> {
  const query = infoHash.toString('hex').replace(/../g, '%$&')
  for (let waited = 0; waited < SEED_KNOWN_TIMEOUT_MS; waited += POLL_MS) {
    const answer = await fetch(`${tracker}/scrape?info_hash=${query}`)
    if ((await answer.text()).includes('8:completei1e')) return
    await sleep(POLL_MS)
  }
  throw new TimeoutError('the seed did not announce itself')
}
