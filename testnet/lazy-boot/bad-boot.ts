import { setTimeout as sleep } from 'node:timers/promises'
import { NotFoundError, StateError } from '../../src/core/errors.ts'
import type { Log } from '../../src/core/log.ts'
import type { Arena } from '../arena/arena.ts'
import type { Verdict } from '../bad-days/bad-day.ts'
import type { NodeHandle } from '../handles.ts'
import { openField } from '../swarm-run/run-swarm.ts'
import type { GuestImage } from '../vm/guest-image.ts'
import { withNode } from '../with-node.ts'
import type { Booter } from './booters.ts'
import { bootLazily, type LazyBoot, verifyAndEnd } from './boots.ts'

/** What happens in the middle of a boot: the daemon gets SIGKILL and is started again, or the link of its rack is down for a while. */
export type BootIncident =
  | { readonly kind: 'daemon-killed' }
  | { readonly kind: 'link-cut'; readonly seconds: number }

export interface BadBootInit {
  /** Of two racks, the second of which has one node. */
  readonly arena: Arena
  readonly image: GuestImage
  readonly booter: Booter
  readonly incident: BootIncident
  readonly log: Log
}

/** A boot that has come to its prompt all the same, and has read a file right that no boot reads. */
export interface BadBootRun {
  readonly boot: LazyBoot
  /** Reads of the disk before it happened. */
  readonly readsBefore: number
  /** How long the disk was away from what it reads of. */
  readonly awaySeconds: number
  /** Reads of the disk that failed since; the guest has seen them. */
  readonly errors: number
}

/** A third of those of a boot: units of systemd are being started. */
const READS_BEFORE = 300
const LOOK_MS = 20

/** Boots a guest over a disk of a cold node, and lets something happen meanwhile. Errors: those of the guest, IntegrityError when it reads wrong bytes. */
export async function runBadBoot(init: BadBootInit): Promise<BadBootRun> {
  const { arena, image, booter, log } = init
  const field = await openField({ arena, file: image.disk, name: 'bad' })
  try {
    const [node, host] = [field.testnet.nodes.at(-1), field.hosts.at(-1)]
    if (node === undefined || host === undefined) throw new NotFoundError('the arena has no nodes')
    const ended = { yet: false }
    const booting = bootLazily(booter, node, host).finally(() => Object.assign(ended, { yet: true }))
    booting.catch(() => {})
    const readsBefore = await readsOf(node, { most: READS_BEFORE, stop: () => ended.yet })
    if (ended.yet) await booting.then(({ guest }) => guest.end())
    if (ended.yet) throw new StateError('the guest was at its prompt before anything could happen')
    log.info({ incident: init.incident.kind, reads: readsBefore }, 'something happens')
    const beginMs = performance.now()
    await happen(init, node)
    const awaySeconds = (performance.now() - beginMs) / 1000
    const standing = await booting
    await verifyAndEnd([standing])
    const { figures } = await withNode(node, (client) => client.disks.get('guest'))
    return { boot: standing.boot, readsBefore, awaySeconds, errors: figures?.errors ?? 0 }
  } finally {
    await field.testnet.destroy()
  }
}

export function badBootVerdicts({ boot, readsBefore, awaySeconds, errors }: BadBootRun): Verdict[] {
  const away = `away for ${awaySeconds.toFixed(1)} s after ${readsBefore} reads`
  return [
    { goal: 'the guest goes on to its prompt', value: `${boot.seconds.toFixed(1)} s, ${away}`, ok: true },
    { goal: 'no read of the disk fails', value: String(errors), ok: errors === 0 },
  ]
}

async function happen({ arena, incident }: BadBootInit, node: NodeHandle): Promise<void> {
  if (incident.kind === 'daemon-killed') {
    await node.kill('SIGKILL')
    await node.restart()
    return
  }
  const rack = arena.racks.at(-1)
  if (rack === undefined) throw new NotFoundError('the arena has no racks')
  await rack.cut()
  await sleep(incident.seconds * 1000)
  await rack.heal()
}

/** Reads of the guest's disk, as soon as there are so many. */
async function readsOf(node: NodeHandle, init: { most: number; stop: () => boolean }): Promise<number> {
  for (;;) {
    const disks = await withNode(node, (client) => client.disks.list())
    const reads = disks[0]?.figures?.reads ?? 0
    if (reads >= init.most || init.stop()) return reads
    await sleep(LOOK_MS)
  }
}
