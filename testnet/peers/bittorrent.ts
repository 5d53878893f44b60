import { copyFile, link, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { ArenaHost } from '../arena/arena.ts'
import { endOf, environment, type ProgramSpec, RESULT, whenListening } from './programs.ts'

const TRACKER_PORT = 6969
/** Where every client listens; each has an address of its own. */
export const PEER_PORT = 6881

export const MKTORRENT: ProgramSpec = {
  command: ['mktorrent', '-h'],
  version: /(mktorrent) (\S+)/,
  debian: 'mktorrent',
}
export const OPENTRACKER: ProgramSpec = {
  command: ['opentracker', '-h'],
  version: /(opentracker)/i,
  debian: 'opentracker',
}

export interface Torrent {
  readonly path: string
  /** Has the file under the name that is in the torrent. */
  readonly seedDir: string
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
  const url = `http://${origin.address}:${TRACKER_PORT}/announce`
  const args = ['-a', url, '-l', String(pieceBits), '-o', path, join(seedDir, RESULT)]
  await endOf(origin.spawn('mktorrent', args, { env: environment, logPath }), 'mktorrent', logPath)
  return { path, seedDir, stop: await startTracker(origin, dir) }
}

/** opentracker: announces over HTTP, everything in memory, whoever comes. */
async function startTracker(origin: ArenaHost, dir: string): Promise<() => void> {
  const logPath = join(dir, 'tracker.log')
  const work = join(dir, 'tracker')
  await mkdir(work)
  const listen = ['-i', origin.listenAddress, '-p', String(TRACKER_PORT)]
  const tracker = origin.spawn('opentracker', [...listen, '-d', work], { env: environment, logPath })
  await origin.expose(TRACKER_PORT)
  await whenListening({
    ...{ process: tracker, what: 'opentracker', logPath },
    ...{ address: origin.listenAddress, port: TRACKER_PORT },
  })
  return () => tracker.kill()
}
