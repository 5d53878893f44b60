import type { BadDay } from './bad-day.ts'
import { peersKilled, trackerKilled, trackerRestarted } from './deaths.ts'
import { hostileDay } from './hostile.ts'
import { silentPeer, slowPeer } from './laggards.ts'
import { lateCrowd, rackCut } from './places.ts'

export const BAD_DAYS: readonly BadDay[] = [
  ...[peersKilled, trackerKilled, trackerRestarted, rackCut, slowPeer, silentPeer, lateCrowd],
  ...[hostileDay('lying-bitmap'), hostileDay('wrong-bytes'), hostileDay('request-flood')],
]
