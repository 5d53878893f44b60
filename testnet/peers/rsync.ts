import { writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Contestant, Entry, Race } from './contestant.ts'
import { endOf, environment, makePlaces, type ProgramSpec, probePrograms, whenListening } from './programs.ts'

const PORT = 8730
const RSYNC: ProgramSpec = {
  command: ['rsync', '--version'],
  version: /(rsync) +version (\S+)/,
  debian: 'rsync',
}

/** Differences against the old file where there is one, written into it: `--inplace` needs no room for a second image. */
export const rsync: Contestant = rsyncContestant({
  name: 'rsync',
  setting: 'rsync daemon, rsync --inplace',
  options: [],
})

/** The same for who thinks of compressing. Each node has the daemon compress anew. */
export const rsyncZstd: Contestant = rsyncContestant({
  name: 'rsync-zstd',
  setting: 'rsync daemon, rsync --inplace, compressed with zstd at its level 3',
  options: ['--compress', '--compress-choice=zstd', '--compress-level=3'],
})

function rsyncContestant(init: { name: string; setting: string; options: readonly string[] }): Contestant {
  return {
    name: init.name,
    setting: init.setting,
    arenas: ['namespaces', 'loopback'],
    probe: () => probePrograms([RSYNC]),
    prepare: (race) => prepare(race, init.options),
  }
}

async function prepare(race: Race, options: readonly string[]): Promise<Entry> {
  const { origin, receivers, dir, file, previous } = race
  const config = join(dir, 'rsyncd.conf')
  await writeFile(config, configOf(dirname(file)))
  const logPath = join(dir, 'rsyncd.log')
  const address = ['--address', origin.listenAddress, '--port', String(PORT)]
  const args = ['--daemon', '--no-detach', `--config=${config}`, `--log-file=${logPath}`, ...address]
  const daemon = origin.spawn('rsync', args, { env: environment, logPath })
  await origin.expose(PORT)
  await whenListening({
    ...{ process: daemon, what: 'rsync --daemon', logPath },
    ...{ address: origin.listenAddress, port: PORT },
  })
  const places = await makePlaces({ dir, receivers, previous })
  const url = `rsync://${origin.address}:${PORT}/images/${basename(file)}`
  return {
    async fetch(host) {
      const log = places.log(host)
      // A file of the same size and second must not pass for the same.
      const more = ['--inplace', '--ignore-times', ...options, url, places.result(host)]
      const process = host.spawn('rsync', more, { env: environment, logPath: log, cwd: dirname(log) })
      await endOf(process, `rsync on ${host.name}`, log)
    },
    output: async (host) => places.result(host),
    // TCP does not deliver a byte twice.
    duplicateBytes: async () => 0,
    close: async () => daemon.kill(),
  }
}

/** One module, read only, as many clients as come, no look-up of names. */
function configOf(root: string): string {
  const user = process.getuid?.() === 0 ? 'uid = root\ngid = root\n' : ''
  return `use chroot = no
${user}max connections = 0
reverse lookup = no
[images]
  path = ${root}
  read only = yes
`
}
