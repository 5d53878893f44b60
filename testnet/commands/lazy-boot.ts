import { plainLog } from '../console.ts'
import { runLazyBoot } from '../lazy-boot/lazy-boot.ts'
import { lazyBootText, lazyBootVerdicts } from '../lazy-boot/report.ts'
import { arenaText } from '../swarm-run/report.ts'
import { guestCache, makeGuestImage } from '../vm/guest-image.ts'
import { type LinkFlags, loadText, topologyOf, withArena } from './arena-flags.ts'
import { verdictText } from './bad-day.ts'

/** Boots guests over disks whose images have not arrived, beside local files. Returns the exit code: 1 when a goal is missed. */
export async function lazyBoot(flags: LinkFlags): Promise<number> {
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
