import { ERROR_TABLE } from '../../src/core/errors.ts'
import { httpGet } from '../arena/http/http-get.ts'
import { arenaText, swarmText } from '../swarm-run/report.ts'
import { openField, runSwarm } from '../swarm-run/run-swarm.ts'
import { type ArenaFlags, loadText, makeFile, topologyOf, withArena } from './arena-flags.ts'

/** A link that carries nothing in this many times its time for the file is broken. */
const PATIENCE = 20
const SLACK_SECONDS = 60

/** How long a run may take at all. */
export function deadlineSeconds({ size, rate }: ArenaFlags): number {
  return SLACK_SECONDS + (PATIENCE * size * 8) / rate
}

/** One image to all nodes at the same moment, beside one HTTP GET. Returns the exit code: 6 when a node's export is not the source. */
export async function swarm(flags: ArenaFlags): Promise<number> {
  const say = (text: string) => (flags.json === true ? process.stderr : process.stdout).write(`${text}\n`)
  const load = loadText()
  return await withArena(
    { topology: topologyOf(flags), loopback: flags.loopback === true },
    async (arena) => {
      say(`${arenaText(arena)}\n${load}`)
      const file = await makeFile(arena, { sizeBytes: flags.size, seed: flags.seed })
      const field = await openField({ arena, file, name: 't' })
      try {
        const to = field.hosts.at(-1) ?? field.origin
        const get = await httpGet(arena, { from: field.origin, to, file })
        const run = await runSwarm(field, { deadlineSeconds: deadlineSeconds(flags) })
        say(swarmText(run, get))
        if (flags.json === true)
          process.stdout.write(`${JSON.stringify({ kind: arena.kind, flags, get, run })}\n`)
        return run.nodes.every(({ verified }) => verified === true) ? 0 : ERROR_TABLE.E_INTEGRITY.exit
      } finally {
        await field.testnet.destroy()
      }
    },
  )
}
