import { mkdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { ArenaHost } from '../arena/arena.ts'
import type { Contestant, Entry, Race } from './contestant.ts'
import { NGINX, startFileServer } from './nginx-server.ts'
import { endOf, environment, makePlaces, type ProgramSpec, probePrograms, RESULT } from './programs.ts'

const CURL: ProgramSpec = { command: ['curl', '--version'], version: /^(curl) (\S+)/, debian: 'curl' }
const ZSTD: ProgramSpec = { command: ['zstd', '--version'], version: /(v[\d.]+)/, debian: 'zstd' }
const ARIA2: ProgramSpec = {
  command: ['aria2c', '--version'],
  version: /^(aria2) version (\S+)/,
  debian: 'aria2',
}
const ZSTD_LEVEL = 3

/** A way to fetch one URL: a program and its arguments on the receiver. */
interface Client {
  readonly name: string
  readonly setting: string
  readonly programs: readonly ProgramSpec[]
  /** What the publisher makes of the file, once; the file itself otherwise. */
  readonly publish?: { readonly command: string; readonly suffix: string }
  command(url: string, target: { dir: string; file: string }): readonly [string, ...string[]]
}

/** The whole file, as every site can do it today. */
export const nginx: Contestant = httpContestant({
  name: 'nginx',
  setting: 'nginx, one curl per node, plain HTTP',
  programs: [NGINX, CURL],
  command: (url, { file }) => ['curl', '-sS', '--fail', '-o', file, url],
})

/** The same for who thinks of compressing: once at the origin, and unpacked while it arrives. */
export const nginxZstd: Contestant = httpContestant({
  name: 'nginx-zstd',
  setting: `nginx, the file compressed beforehand with zstd -${ZSTD_LEVEL}, curl into zstd`,
  programs: [NGINX, CURL, ZSTD],
  publish: { command: `zstd -q -${ZSTD_LEVEL} -T0 -c`, suffix: '.zst' },
  command: (url, { file }) => {
    return ['bash', '-c', 'set -o pipefail; curl -sS --fail "$0" | zstd -q -d -o "$1"', url, file]
  },
})

/** Several connections for each node. They cannot make the origin's link faster; some believe they do. */
export const aria2Http: Contestant = httpContestant({
  name: 'aria2-http',
  setting: 'nginx, one aria2c per node with four connections',
  programs: [NGINX, ARIA2],
  command: (url, { dir }) =>
    [
      ...['aria2c', '-q', '-x4', '-s4', '-k1M', '--no-conf', '--file-allocation=none'],
      ...['--allow-overwrite=true', '--auto-file-renaming=false', '-d', dir, '-o', RESULT, url],
    ] as [string, ...string[]],
})

function httpContestant(client: Client): Contestant {
  return {
    name: client.name,
    setting: client.setting,
    arenas: ['namespaces', 'loopback'],
    probe: () => probePrograms(client.programs),
    prepare: (race) => prepare(client, race),
  }
}

async function prepare(client: Client, race: Race): Promise<Entry> {
  const { origin, receivers, dir } = race
  const root = join(dir, 'www')
  await mkdir(root)
  const published = join(root, `${RESULT}${client.publish?.suffix ?? ''}`)
  if (client.publish === undefined) await symlink(race.file, published)
  else await publish(origin, { ...client.publish, source: race.file, target: published, dir })
  // A client of whole files writes a new one beside the earlier: it has no use for it.
  const places = await makePlaces({ dir, receivers, previous: undefined })
  const server = await startFileServer({ origin, dir, root })
  return {
    async fetch(host) {
      const target = { dir: places.dir(host), file: places.result(host) }
      const [file, ...args] = client.command(`${server.url}/${RESULT}${client.publish?.suffix ?? ''}`, target)
      const logPath = places.log(host)
      await endOf(host.spawn(file, args, { env: environment, logPath }), `${file} on ${host.name}`, logPath)
    },
    output: async (host) => places.result(host),
    // TCP does not deliver a byte twice.
    duplicateBytes: async () => 0,
    close: async () => server.stop(),
  }
}

async function publish(
  origin: ArenaHost,
  init: { command: string; source: string; target: string; dir: string },
): Promise<void> {
  const logPath = join(init.dir, 'publish.log')
  const script = `${init.command} "$0" > "$1"`
  const process = origin.spawn('bash', ['-c', script, init.source, init.target], {
    env: environment,
    logPath,
  })
  await endOf(process, init.command, logPath)
}
