import { UsageError } from '../../src/core/errors.ts'
import type { Arena } from '../arena/arena.ts'
import { httpGet } from '../arena/http/http-get.ts'
import { RATE_BITS_MIN } from '../arena/rates.ts'
import { BAD_DAYS } from '../bad-days/all.ts'
import { type BadDay, range, type Verdict } from '../bad-days/bad-day.ts'
import { arenaText, swarmText } from '../swarm-run/report.ts'
import { openField, type RunInit, runSwarm } from '../swarm-run/run-swarm.ts'
import type { SwarmRun } from '../swarm-run/swarm-run.ts'
import { type ArenaFlags, loadText, makeFile, topologyOf, withArena } from './arena-flags.ts'
import { deadlineSeconds } from './swarm.ts'

/** Runs a swarm without and with what the day brings. Returns the exit code: 1 when a goal is missed. */
export async function badDay(name: string, flags: ArenaFlags): Promise<number> {
  const day = BAD_DAYS.find((one) => one.name === name)
  if (day === undefined) {
    throw new UsageError(
      `there is no bad day "${name}"; there are: ${BAD_DAYS.map((one) => one.name).join(', ')}`,
    )
  }
  if (flags.nodes < day.nodesMin) throw new UsageError(`${name} takes at least ${day.nodesMin} nodes`)
  const racks = Math.max(flags.racks, day.racksMin ?? 1)
  const load = loadText()
  const init = { topology: topologyFor(day, { ...flags, racks }), loopback: flags.loopback === true }
  return await withArena(init, (arena) => onDay(arena, { day, flags, load }))
}

interface DayInit {
  readonly day: BadDay
  readonly flags: ArenaFlags
  readonly load: string
}

async function onDay(arena: Arena, { day, flags, load }: DayInit): Promise<number> {
  const { nodes } = flags
  const say = (text: string) => (flags.json === true ? process.stderr : process.stdout).write(`${text}\n`)
  say(`${day.name}: ${day.what}\ngoal: ${day.goal}\n${arenaText(arena)}\n${load}`)
  const file = await makeFile(arena, { sizeBytes: flags.size, seed: flags.seed })
  const [from, to] = arena.hosts
  if (from === undefined || to === undefined) throw new UsageError('an arena has two hosts at least')
  const get = await httpGet(arena, { from, to, file })
  const about = { nodes, getSeconds: get.seconds }
  const run = async (what: 'without' | 'with'): Promise<SwarmRun> => {
    const daemons = nodes + (what === 'with' && day.extra === 'node' ? 1 : 0)
    const field = await openField({ arena, file, name: what, nodes: daemons })
    try {
      await day.prepare?.(field)
      const starters = { starters: day.starters?.(about) ?? range(0, nodes) }
      const incident =
        what === 'with' ? await day.incident(about, field) : { run: {} as Omit<RunInit, 'deadlineSeconds'> }
      try {
        const done = await runSwarm(field, {
          ...starters,
          ...incident.run,
          deadlineSeconds: deadlineSeconds(flags),
        })
        say(`\n${what} it:\n${swarmText(done, get)}`)
        return done
      } finally {
        await incident.undo?.()
      }
    } finally {
      await field.testnet.destroy()
    }
  }
  const base = await run('without')
  const verdicts = day.judge({ ...about, base, run: await run('with') })
  for (const verdict of verdicts) say(verdictText(verdict))
  const ok = verdicts.every((verdict) => verdict.ok)
  if (flags.json === true) {
    process.stdout.write(`${JSON.stringify({ day: day.name, kind: arena.kind, flags, get, ok, verdicts })}\n`)
  }
  return ok ? 0 : 1
}

export function verdictText({ goal, value, ok }: Verdict): string {
  return `${ok ? 'ok    ' : 'MISSED'}  ${goal}: ${value}`
}

function topologyFor(day: BadDay, flags: ArenaFlags) {
  if (day.extra === undefined) return topologyOf(flags)
  const rate = Math.max(RATE_BITS_MIN, Math.round(flags.rate * (day.extraRate ?? 1)))
  const odd = { [flags.nodes]: { upBitsPerSecond: rate, downBitsPerSecond: rate } }
  return topologyOf({ ...flags, nodes: flags.nodes + 1 }, odd)
}

/** The names and what they mean, for `--help`. */
export function badDaysHelp(): string {
  const width = Math.max(...BAD_DAYS.map(({ name }) => name.length))
  const lines = BAD_DAYS.map(
    ({ name, what, goal }) => `  ${name.padEnd(width)}  ${what}\n  ${''.padEnd(width)}  goal: ${goal}`,
  )
  return `\nBad days:\n${lines.join('\n')}\n\nExample:\n  $ bootswarm testnet bad-day peers-killed --nodes 8 --rate 100mbit --size 128MiB\n`
}
