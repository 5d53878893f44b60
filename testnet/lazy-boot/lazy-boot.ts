import { NotFoundError } from '../../src/core/errors.ts'
import type { Log } from '../../src/core/log.ts'
import type { Arena, ArenaHost } from '../arena/arena.ts'
import type { NodeHandle } from '../handles.ts'
import { originSentBytes } from '../scenarios/origin-sent.ts'
import { type Field, openField, SWARM_IMAGE } from '../swarm-run/run-swarm.ts'
import { readOnce } from '../vm/first-byte.ts'
import type { GuestImage } from '../vm/guest-image.ts'
import type { Booter } from './booters.ts'
import {
  type AtPrompt,
  allAtPrompt,
  attach,
  type Boot,
  bootCopy,
  bootLazily,
  bootLocal,
  forget,
  GUEST_DISK,
  type LazyBoot,
  record,
  verifyAndEnd,
} from './boots.ts'
import { FIRST_BYTES, firstByteMs } from './first-byte.ts'

const FIRST_BYTE_RUNS = 5
const DISKS = 20

/** Boots of one kind at the same moment. */
interface LazyBoots {
  readonly boots: readonly LazyBoot[]
  /** What the tracker's peer sent until the last one was at its prompt. */
  readonly originBytes: number
}

/** Everything that is compared, of one run. Every guest has read right. */
export interface LazyBootRun {
  /** From a raw file of this machine: alone, and several at the same moment. */
  readonly local: { readonly alone: readonly Boot[]; readonly together: readonly Boot[] }
  /** The whole image first. */
  readonly copy: readonly Boot[]
  /** Each on a node of its own, in a swarm in which nobody but the origin had anything of the image: without a boot profile, and with that of one boot. */
  readonly lazy: { readonly plain: LazyBoots; readonly alone: LazyBoots; readonly together: LazyBoots }
  /** On a node that had nothing, while others had what a boot reads: from the request until a page was there. The median of FIRST_BYTE_RUNS. */
  readonly firstByteSeconds: number
  /** Of a daemon with so many disks attached, each of them read. */
  readonly disks: number
  readonly residentBytes: number | undefined
}

export interface LazyBootInit {
  readonly arena: Arena
  readonly image: GuestImage
  readonly booter: Booter
  /** Guests at the same moment; the arena has a host more, for somebody who comes late. */
  readonly guests: number
  readonly log: Log
}

/** Boots guests over local files, over a whole copy and over disks of which nothing has arrived. */
export async function runLazyBoot(init: LazyBootInit): Promise<LazyBootRun> {
  const { image, booter, guests, log } = init
  const locals = async (count: number) => {
    log.info({ guests: count }, 'booting over a local file')
    return await finished(range(count).map(() => bootLocal(booter, image.disk)))
  }
  const local = { alone: await locals(1), together: await locals(guests) }
  const copy = await inField(init, { name: 'copy', nodes: 1 }, async (field) => {
    log.info({}, 'the whole image first, then booting over it')
    return await finished([bootCopy(booter, placeOf(field, 0).node)])
  })
  const swarm = await inField(init, { name: 'all', nodes: guests + 1 }, (field) => inSwarm(init, field))
  return { local, copy, disks: DISKS, ...swarm }
}

/** The first boot makes the profile of all others. Its node boots alone, and then comes late. */
async function inSwarm(
  init: LazyBootInit,
  field: Field,
): Promise<Pick<LazyBootRun, 'lazy' | 'firstByteSeconds' | 'residentBytes'>> {
  const { guests } = init
  const { node } = placeOf(field, guests)
  const plain = await lazily(init, field, { places: [guests], atPrompt: () => record(node) })
  await forget(node)
  const alone = await lazily(init, field, { places: [guests] })
  await forget(node)
  const together = await lazily(init, field, { places: range(guests) })
  return {
    lazy: { plain, alone, together },
    firstByteSeconds: await firstByte(node),
    residentBytes: await residentWithDisks(placeOf(field, 0).node),
  }
}

const range = (count: number) => Array.from({ length: count }, (_, i) => i)

async function finished<T extends Boot>(booting: readonly Promise<AtPrompt<T>>[]): Promise<T[]> {
  const standing = await allAtPrompt(booting)
  await verifyAndEnd(standing)
  return standing.map(({ boot }) => boot)
}

/** Boots on these nodes, by index; `atPrompt` before anything else is read. */
async function lazily(
  { booter, log }: LazyBootInit,
  field: Field,
  { places, atPrompt = async () => {} }: { places: readonly number[]; atPrompt?(): Promise<void> },
): Promise<LazyBoots> {
  log.info({ guests: places.length }, 'booting over disks of cold nodes')
  const before = await originSentBytes(field.testnet)
  const booting = places.map((i) => {
    const { node, host } = placeOf(field, i)
    return bootLazily(booter, node, host)
  })
  const standing = await allAtPrompt(booting)
  const after = await atPrompt()
    .then(() => originSentBytes(field.testnet))
    .catch(async (error: unknown) => {
      await Promise.all(standing.map(({ guest }) => guest.end()))
      throw error
    })
  await verifyAndEnd(standing)
  return { boots: standing.map(({ boot }) => boot), originBytes: after - before }
}

async function inField<T>(
  { arena, image }: LazyBootInit,
  init: { name: string; nodes: number },
  work: (field: Field) => Promise<T>,
): Promise<T> {
  const field = await openField({ arena, file: image.disk, ...init })
  try {
    return await work(field)
  } finally {
    await field.testnet.destroy()
  }
}

function placeOf(field: Field, index: number): { node: NodeHandle; host: ArenaHost } {
  const [node, host] = [field.testnet.nodes[index], field.hosts[index]]
  if (node === undefined || host === undefined) throw new NotFoundError(`there is no node ${index + 1}`)
  return { node, host }
}

/** Of several attaches, each on a daemon that has just started and has nothing. */
async function firstByte(node: NodeHandle): Promise<number> {
  const tookMs: number[] = []
  while (tookMs.length < FIRST_BYTE_RUNS) {
    if (tookMs.length > 0) await forget(node)
    tookMs.push(await firstByteMs(node, { reference: SWARM_IMAGE, name: GUEST_DISK }))
  }
  return (tookMs.sort((a, b) => a - b)[FIRST_BYTE_RUNS >> 1] ?? Number.NaN) / 1000
}

async function residentWithDisks(node: NodeHandle): Promise<number | undefined> {
  // One is there already: that of the guest.
  for (let i = 1; i < DISKS; i++) {
    const { socket, export: name } = await attach(node, `disk-${i}`)
    await readOnce({ socket, name, length: FIRST_BYTES })
  }
  return node.resident()?.bytes
}
