import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Contestant, Entry, Race } from './contestant.ts'
import { NGINX, startFileServer } from './nginx-server.ts'
import { endOf, environment, makePlaces, type ProgramSpec, probePrograms } from './programs.ts'

const CASYNC: ProgramSpec = {
  command: ['casync', '--version'],
  version: /(casync) (\S+)/,
  debian: 'casync',
}
const INDEX = 'image.caibx'
const STORE = 'store.castr'

/**
 * Content-defined chunks in a store of files, its own defaults: 64 KiB on average, zstd. The old image is a seed: only chunks that it
 * lacks are fetched. A seed must be another file than the result, which it has moved to.
 */
export const casync: Contestant = {
  name: 'casync',
  setting: 'casync with its defaults (chunks of 64 KiB, zstd), store served by nginx, the old image as seed',
  arenas: ['namespaces', 'loopback'],
  probe: () => probePrograms([CASYNC, NGINX]),
  prepare,
}

async function prepare(race: Race): Promise<Entry> {
  const { origin, receivers, dir, file, previous } = race
  const root = join(dir, 'www')
  await mkdir(root)
  const makeLog = join(dir, 'make.log')
  const make = ['make', `--store=${join(root, STORE)}`, join(root, INDEX), file]
  await endOf(origin.spawn('casync', make, { env: environment, logPath: makeLog }), 'casync make', makeLog)
  const places = await makePlaces({ dir, receivers, previous })
  const server = await startFileServer({ origin, dir, root })
  const output = (place: string) => join(place, 'fetched')
  return {
    async fetch(host) {
      const logPath = places.log(host)
      const seed = previous === undefined ? [] : [`--seed=${places.result(host)}`]
      const args = ['extract', `--store=${server.url}/${STORE}`, ...seed, `${server.url}/${INDEX}`]
      const process = host.spawn('casync', [...args, output(places.dir(host))], { env: environment, logPath })
      await endOf(process, `casync on ${host.name}`, logPath)
    },
    output: async (host) => output(places.dir(host)),
    duplicateBytes: async () => 0,
    close: async () => server.stop(),
  }
}
