import { open, rm, stat, statfs } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { STORE_RESERVE_BYTES, STORE_RESERVE_SHARE } from '../../src/core/limits.ts'
import { type Check, failure, messageOf, ok, warning } from './examination.ts'

const GB = 1_000_000_000
/** An image or two. */
const FREE_BYTES_NEAR = 10 * GB

/** What statfs(2) calls file systems where blocks do not belong, or may. */
const FILE_SYSTEMS: ReadonlyMap<number, readonly [name: string, trouble?: string]> = new Map([
  [0xef53, ['ext4']],
  [0x58465342, ['xfs']],
  [0x9123683e, ['btrfs']],
  [0x2fc12fc1, ['zfs']],
  [0x01021994, ['tmpfs', 'it is in memory and gone after the next boot']],
  [0x858458f6, ['ramfs', 'it is in memory and gone after the next boot']],
  [0x794c7630, ['overlayfs', 'it goes with its container']],
  [0x6969, ['nfs', 'locks and speed of a network do not fit a store of blocks']],
  [0xff534d42, ['cifs', 'locks and speed of a network do not fit a store of blocks']],
])

/** It is there, and can be written: by a file that is written and removed. */
export const checkDataDirectory: Check = async ({ config }) => {
  const { dataDir } = config
  const file = await stat(dataDir).catch(() => undefined)
  if (file === undefined) {
    const parent = await stat(dirname(dataDir)).catch(() => undefined)
    const advice = 'The daemon makes it at its first start.'
    if (parent !== undefined) return warning('data', `${dataDir} is not there yet`, advice)
    return failure('data', `neither ${dataDir} nor the directory above it is there`, 'Is its disk mounted?')
  }
  if (!file.isDirectory()) return failure('data', `${dataDir} is no directory`, 'Name another in dataDir.')
  const probe = join(dataDir, `.doctor-${process.pid}`)
  try {
    const handle = await open(probe, 'wx', 0o600)
    await handle.close()
  } catch (error) {
    const advice = 'Is it mounted read-only, full, or of another user? The node keeps everything there.'
    return failure('data', `${dataDir} cannot be written: ${messageOf(error)}`, advice)
  } finally {
    await rm(probe, { force: true }).catch(() => {})
  }
  const octal = (file.mode & 0o777).toString(8)
  if ((file.mode & 0o002) !== 0) {
    return failure('data', `${dataDir} can be written by everybody (mode ${octal})`, `chmod 750 ${dataDir}`)
  }
  return ok('data', `${dataDir}, of user ${file.uid}, mode ${octal}`)
}

/** Room, and a file system that keeps what it is given. */
export const checkFreeSpace: Check = async ({ config }) => {
  const { dataDir } = config
  const there = (await stat(dataDir).catch(() => undefined)) === undefined ? dirname(dataDir) : dataDir
  const { type, bavail, bsize, blocks } = await statfs(there)
  const [name, trouble] = FILE_SYSTEMS.get(type) ?? [`file system ${type.toString(16)}`]
  const freeBytes = bavail * bsize
  const found = `${(freeBytes / GB).toFixed(1)} GB of ${((blocks * bsize) / GB).toFixed(1)} GB are free, ${name}`
  const reserve = Math.min(STORE_RESERVE_BYTES, blocks * bsize * STORE_RESERVE_SHARE)
  const advice = 'Make room: bootswarm node gc, or image rm --local, or a larger disk for dataDir.'
  if (freeBytes <= reserve) return failure('space', `${found}: nothing more is stored`, advice)
  if (trouble !== undefined) return warning('space', `${found}: ${trouble}`, 'Put dataDir on a local disk.')
  if (freeBytes < FREE_BYTES_NEAR) return warning('space', found, advice)
  return ok('space', found)
}
