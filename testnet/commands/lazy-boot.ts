import { UsageError } from '../../src/core/errors.ts'
import { plainLog } from '../console.ts'
import { type BootIncident, badBootVerdicts, runBadBoot } from '../lazy-boot/bad-boot.ts'
import { runLazyBoot } from '../lazy-boot/lazy-boot.ts'
import { lazyBootText, lazyBootVerdicts } from '../lazy-boot/report.ts'
import { arenaText } from '../swarm-run/report.ts'
import { guestCache, makeGuestImage } from '../vm/guest-image.ts'
import { type LinkFlags, loadText, topologyOf, withArena } from './arena-flags.ts'
import { verdictText } from './bad-day.ts'

export interface LazyBootFlags extends LinkFlags {
  readonly killDaemon?: true
  /** Seconds. */
  readonly cutLink?: number
}

/** Boots guests over disks whose images have not arrived, beside local files. Returns the exit code: 1 when a goal is missed. */
export async function lazyBoot(flags: LazyBootFlags): Promise<number> {
  const incident = incidentOf(flags)
  if (incident !== undefined) return await badBoot(flags, incident)
  const say = (text: string) => (flags.json === true ? process.stderr : process.stdout).write(`${text}\n`)
  const log = plainLog((text) => process.stderr.write(text))
  const load = loadText()
  const image = await makeGuestImage({ cacheDir: guestCache(), log })
  const { nodes: guests } = flags
  const topology = topologyOf({ ...flags, nodes: guests + 1 })
  return await withArena({ topology, loopback: flags.loopback === true }, async (arena) => {
    say(`${arenaText(arena)}\n${load}`)
    const run = await runLazyBoot({ arena, image, guests, log })
    say(lazyBootText(run))
    const verdicts = lazyBootVerdicts(run)
    for (const verdict of verdicts) say(verdictText(verdict))
    if (flags.json === true)
      process.stdout.write(`${JSON.stringify({ kind: arena.kind, flags, run, verdicts })}\n`)
    return verdicts.every(({ ok }) => ok) ? 0 : 1
  })
}

function incidentOf({ killDaemon, cutLink }: LazyBootFlags): BootIncident | undefined {
  if (killDaemon === true && cutLink !== undefined)
    throw new UsageError('--kill-daemon and --cut-link are two days: one at a time')
  if (killDaemon === true) return { kind: 'daemon-killed' }
  return cutLink === undefined ? undefined : { kind: 'link-cut', seconds: cutLink }
}

/** One guest, and what happens in the middle of its boot. */
async function badBoot(flags: LinkFlags, incident: BootIncident): Promise<number> {
  const log = plainLog((text) => process.stderr.write(text))
  const image = await makeGuestImage({ cacheDir: guestCache(), log })
  const topology = topologyOf({ ...flags, nodes: 2, racks: 2 })
  return await withArena({ topology, loopback: flags.loopback === true }, async (arena) => {
    const run = await runBadBoot({ arena, image, incident, log })
    const verdicts = badBootVerdicts(run)
    if (flags.json === true) process.stdout.write(`${JSON.stringify({ incident, run, verdicts })}\n`)
    else process.stdout.write(`${verdicts.map(verdictText).join('\n')}\n`)
    return verdicts.every(({ ok }) => ok) ? 0 : 1
  })
}
