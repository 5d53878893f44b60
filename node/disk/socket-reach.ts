import { stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { Log } from '../../src/core/log.ts'
import { groupId, SOCKET_GROUP } from '../socket-file.ts'

/** What to do about a directory that keeps machines from the sockets in it. */
export const REACH_ADVICE =
  'name one that it may enter in disk.socketDirectory, such as /run/bootswarm/disks, or open this one to it'

/** The uppermost directory on the way to `path` that members of `group` may not pass; those that are missing are made for them. */
export async function closedDirectory(path: string, group: number): Promise<string | undefined> {
  for (const directory of fromRoot(resolve(path))) {
    const entry = await stat(directory).catch(() => undefined)
    if (entry === undefined) return undefined
    if ((entry.mode & (entry.gid === group ? 0o010 : 0o001)) === 0) return directory
  }
  return undefined
}

/** Says so when those who run machines cannot reach the sockets of disks, though these are theirs. */
export async function warnOfClosedSockets(
  { log }: { log: Log },
  { directory, group = SOCKET_GROUP }: { directory: string; group?: string },
): Promise<void> {
  const id = await groupId(group)
  if (id === undefined || (process.getuid?.() !== 0 && process.getgid?.() !== id)) return
  const closed = await closedDirectory(directory, id)
  if (closed === undefined) return
  log.warn(
    { sockets: directory, closed },
    `the group ${group} cannot reach the sockets of disks: ${REACH_ADVICE}`,
  )
}

function fromRoot(path: string): string[] {
  const above = dirname(path)
  return above === path ? [path] : [...fromRoot(above), path]
}
