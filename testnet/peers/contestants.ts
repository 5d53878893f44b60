import { UsageError } from '../../src/core/errors.ts'
import { aria2 } from './aria2.ts'
import { bootswarm } from './bootswarm.ts'
import { casync } from './casync.ts'
import type { Contestant } from './contestant.ts'
import { libtorrent, libtorrentDefaults } from './libtorrent.ts'
import { aria2Http, nginx, nginxZstd } from './nginx.ts'
import { rsync, rsyncZstd } from './rsync.ts'

/** Us, and what most people would pick instead. */
const USUAL: readonly Contestant[] = [bootswarm, nginx, rsync, casync, libtorrent, aria2]
/** Other settings of the same programs. */
const MORE: readonly Contestant[] = [nginxZstd, rsyncZstd, aria2Http, libtorrentDefaults]

/** By their names, in that order; the usual ones without names, every one with `all`. Throws UsageError with the names that there are. */
export function contestantsOf(names: readonly string[] | undefined): readonly Contestant[] {
  if (names === undefined) return USUAL
  const all = [...USUAL, ...MORE]
  if (names.length === 1 && names[0] === 'all') return all
  return [...new Set(names)].map((name) => {
    const found = all.find((contestant) => contestant.name === name)
    if (found !== undefined) return found
    const known = all.map((contestant) => contestant.name).join(', ')
    throw new UsageError(`there is no system "${name}"; there is: ${known}`)
  })
}
