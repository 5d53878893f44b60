import { StateError, UsageError } from '../../src/core/errors.ts'
import type { Log } from '../../src/core/log.ts'
import type { Arena } from '../arena/arena.ts'
import type { Topology } from '../arena/topology.ts'
import { plainLog } from '../console.ts'
import { type BootIncident, badBootVerdicts, runBadBoot } from '../lazy-boot/bad-boot.ts'
import { type Booter, machineBooter, recordTrace, traceBooter } from '../lazy-boot/booters.ts'
import { runLazyBoot } from '../lazy-boot/lazy-boot.ts'
import { lazyBootText, lazyBootVerdicts } from '../lazy-boot/report.ts'
import { arenaText } from '../swarm-run/report.ts'
import { type GuestImage, guestCache, makeGuestImage } from '../vm/guest-image.ts'
import { openSlices, type Slices, slicesText } from '../vm/slices.ts'
import { type LinkFlags, loadText, topologyOf, withArena } from './arena-flags.ts'
import { verdictText } from './bad-day.ts'

/** What boots: machines of QEMU, or readers that repeat what one of them has read. */
export const GUEST_KINDS = ['vm', 'trace'] as const
export type GuestKind = (typeof GUEST_KINDS)[number]

export interface LazyBootFlags extends LinkFlags {
  readonly guests: GuestKind
  /** Processor for each guest, in cores. */
  readonly guestCores?: number
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
  return await inSlices(flags, topology, async (arena, slices) => {
    say(`${arenaText(arena)}\n${load}\n${slicesText(slices)}`)
    const booter = await booterOf(flags, { image, slices, dir: arena.dir, log })
    const run = await runLazyBoot({ arena, image, booter, guests, log })
    say(lazyBootText(run))
    const verdicts = lazyBootVerdicts(run)
    for (const verdict of verdicts) say(verdictText(verdict))
    if (flags.json === true)
      process.stdout.write(`${JSON.stringify({ kind: arena.kind, flags, run, verdicts })}\n`)
    return verdicts.every(({ ok }) => ok) ? 0 : 1
  })
}

type Work = (arena: Arena, slices: Slices | undefined) => Promise<number>

/** An arena whose daemons come before guests. Errors: StateError when guests are to have shares that cannot be given here. */
async function inSlices(flags: LazyBootFlags, topology: Topology, work: Work): Promise<number> {
  const { guestCores } = flags
  const slices = openSlices(guestCores === undefined ? {} : { guestCores })
  try {
    if (slices === undefined && guestCores !== undefined)
      throw new StateError('--guest-cores needs control groups for the processor, and the right to make some')
    return await withArena({ topology, loopback: flags.loopback === true }, (arena) => work(arena, slices))
  } finally {
    slices?.close()
  }
}

async function booterOf(
  { guests }: LazyBootFlags,
  at: { image: GuestImage; slices: Slices | undefined; dir: string; log: Log },
): Promise<Booter> {
  const { image, slices, dir, log } = at
  if (guests === 'vm') return machineBooter(image, slices)
  log.info({}, 'recording what a guest reads of a local file')
  const trace = await recordTrace(image, { dir, slices })
  log.info({ reads: trace.reads.length, seconds: trace.seconds.toFixed(2) }, 'recorded')
  return traceBooter(image, { trace, dir })
}

function incidentOf({ killDaemon, cutLink }: LazyBootFlags): BootIncident | undefined {
  if (killDaemon === true && cutLink !== undefined)
    throw new UsageError('--kill-daemon and --cut-link are two days: one at a time')
  if (killDaemon === true) return { kind: 'daemon-killed' }
  return cutLink === undefined ? undefined : { kind: 'link-cut', seconds: cutLink }
}

/** One guest, and what happens in the middle of its boot. */
async function badBoot(flags: LazyBootFlags, incident: BootIncident): Promise<number> {
  if (flags.guests !== 'vm') throw new UsageError('what happens in mid-boot happens to a guest of QEMU')
  const log = plainLog((text) => process.stderr.write(text))
  const image = await makeGuestImage({ cacheDir: guestCache(), log })
  const topology = topologyOf({ ...flags, nodes: 2, racks: 2 })
  return await inSlices(flags, topology, async (arena, slices) => {
    const run = await runBadBoot({ arena, booter: machineBooter(image, slices), image, incident, log })
    const verdicts = badBootVerdicts(run)
    if (flags.json === true) process.stdout.write(`${JSON.stringify({ incident, run, verdicts })}\n`)
    else process.stdout.write(`${verdicts.map(verdictText).join('\n')}\n`)
    return verdicts.every(({ ok }) => ok) ? 0 : 1
  })
}
