import { join } from 'node:path'
import type { DiskFigures, DiskObject } from '../../src/api/disk-schemas.ts'
import type { ArenaHost } from '../arena/arena.ts'
import type { NodeHandle } from '../handles.ts'
import { SWARM_IMAGE } from '../swarm-run/run-swarm.ts'
import type { GuestReads } from '../vm/guest.ts'
import { withNode } from '../with-node.ts'
import type { BootDrive, Booted, Booter } from './booters.ts'
import { startAnew } from './first-byte.ts'

/** Name of the disk that a guest boots from. */
export const GUEST_DISK = 'guest'

/** What a boot to the login prompt took. */
export interface Boot {
  /** From when it was asked for, whatever had to be done before QEMU could start included. */
  readonly seconds: number
  /** Up to the prompt, as the guest counts it. */
  readonly reads: GuestReads
}

/** A boot over a disk of a node. Bytes are those up to the prompt. */
export interface LazyBoot extends Boot {
  readonly attachSeconds: number
  /** Of blocks, inflated, for its reads and ahead of them. */
  readonly fetchedBytes: number
  /** Over the node's link, everything included. */
  readonly receivedBytes: number
  /** What a boot profile has done for it. */
  readonly profile: DiskFigures['boot'] | undefined
}

/** A guest at its prompt, which nobody has logged in to yet. */
export interface AtPrompt<T extends Boot> {
  readonly boot: T
  readonly guest: Booted
}

export async function bootLocal(booter: Booter, path: string): Promise<AtPrompt<Boot>> {
  return await bootOver(booter, { kind: 'raw', path }, performance.now())
}

/** The whole image first: pulled, exported to a plain file, and booted from that. */
export async function bootCopy(booter: Booter, node: NodeHandle): Promise<AtPrompt<Boot>> {
  const path = join(node.exports, 'guest.raw')
  const beginMs = performance.now()
  await withNode(node, async (client) => {
    await client.pull(SWARM_IMAGE)
    await client.export({ reference: SWARM_IMAGE, path })
  })
  return await bootOver(booter, { kind: 'raw', path }, beginMs)
}

/** Attaches the image to a node, without filling it up, and boots over its socket at once. The disk stays attached. */
export async function bootLazily(
  booter: Booter,
  node: NodeHandle,
  host: ArenaHost,
): Promise<AtPrompt<LazyBoot>> {
  const before = await host.traffic()
  const beginMs = performance.now()
  const disk = await attach(node, GUEST_DISK)
  const attachSeconds = secondsSince(beginMs)
  const drive = { kind: 'nbd', socket: disk.socket, name: disk.export } as const
  const { boot, guest } = await bootOver(booter, drive, beginMs)
  try {
    const { figures } = await withNode(node, (client) => client.disks.get(disk.name))
    const receivedBytes = (await host.traffic()).receivedBytes - before.receivedBytes
    const { fetchedBytes = 0, boot: profile } = figures ?? {}
    return { boot: { ...boot, attachSeconds, receivedBytes, fetchedBytes, profile }, guest }
  } catch (error) {
    await guest.end()
    throw error
  }
}

/** All at their prompts; when one does not get there, the others are ended. */
export async function allAtPrompt<T extends Boot>(
  booting: readonly Promise<AtPrompt<T>>[],
): Promise<AtPrompt<T>[]> {
  const settled = await Promise.allSettled(booting)
  const failure = settled.find((one) => one.status === 'rejected')
  const standing = settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  if (failure === undefined) return standing
  await Promise.all(standing.map(({ guest }) => guest.end()))
  throw failure.reason
}

/** Lets every guest read, and ends them. Throws IntegrityError when one reads wrong. */
export async function verifyAndEnd(standing: readonly AtPrompt<Boot>[]): Promise<void> {
  try {
    for (const { guest } of standing) await guest.verify()
  } finally {
    await Promise.all(standing.map(({ guest }) => guest.end()))
  }
}

export async function attach(node: NodeHandle, name: string): Promise<DiskObject> {
  return await withNode(node, (client) => client.disks.attach({ reference: SWARM_IMAGE, name, fill: false }))
}

/** Makes a profile of what was read of the disk of the guest so far. */
export async function record(node: NodeHandle): Promise<void> {
  await withNode(node, (client) => client.disks.recordBoot(GUEST_DISK))
}

/** The node has nothing of the image any more, nor of its profile in memory. */
export async function forget(node: NodeHandle): Promise<void> {
  await startAnew(node, [{ reference: SWARM_IMAGE, name: GUEST_DISK }])
}

const secondsSince = (beginMs: number) => (performance.now() - beginMs) / 1000

async function bootOver(booter: Booter, drive: BootDrive, beginMs: number): Promise<AtPrompt<Boot>> {
  const guest = await booter(drive)
  return { boot: { seconds: secondsSince(beginMs), reads: guest.reads }, guest }
}
