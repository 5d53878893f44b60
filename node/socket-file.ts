import { chmod, chown, mkdir, readFile, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import { StateError } from '../src/core/errors.ts'
import { Limiter } from '../src/util/limiter.ts'

/** Group of those who run virtual machines; its members may use the sockets of a node. */
export const SOCKET_GROUP = 'kvm'

/** `sun_path` of unix(7) holds 108 bytes with the final NUL. */
export const SOCKET_PATH_BYTES_MAX = 107

/** The mask of the process is one for all: two that changed it at a time would leave it changed. */
const masked = new Limiter({ max: 1 })

/**
 * Lets `listen` make a unix socket of mode 0660 at `path`, of group kvm where it exists, as are the directories made for it. A socket that a crash left
 * behind is replaced; throws StateError when somebody answers there, and what `listen` throws.
 */
export async function listenAtPath(
  path: string,
  listen: () => Promise<unknown>,
  init: { group?: string } = {},
): Promise<void> {
  const group = process.getuid?.() === 0 ? await groupId(init.group ?? SOCKET_GROUP) : undefined
  // Only a directory made here is given away; one that was there belongs to whoever made it.
  const made = await mkdir(dirname(path), { recursive: true, mode: 0o750 })
  if (made !== undefined && group !== undefined) await giveDirectories(dirname(path), made, group)
  if (await answers(path)) throw new StateError(`another node listens on ${path}`)
  await rm(path, { force: true })
  await masked.run(async () => {
    const umask = process.umask(0o117)
    try {
      await listen()
    } finally {
      process.umask(umask)
    }
  })
  await chmod(path, 0o660)
  if (group !== undefined) await chown(path, 0, group)
}

/** From `last` up to `first`, the uppermost that was missing. */
async function giveDirectories(last: string, first: string, group: number): Promise<void> {
  for (let dir = last; ; dir = dirname(dir)) {
    await chown(dir, 0, group)
    if (dir === first || dir === dirname(dir)) return
  }
}

function answers(path: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const socket = connect({ path })
  socket.once('connect', () => resolve(true))
  socket.once('error', () => resolve(false))
  return promise.finally(() => socket.destroy())
}

export async function groupId(name: string): Promise<number | undefined> {
  const text = await readFile('/etc/group', 'utf8').catch(() => '')
  const line = text.split('\n').find((entry) => entry.startsWith(`${name}:`))
  const id = Number(line?.split(':')[2])
  return line !== undefined && Number.isInteger(id) ? id : undefined
}
