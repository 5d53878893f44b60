import { StateError } from '../../core/errors.ts'
import { runProgram } from '../../util/run-program.ts'

/** Debian packages of the programs that a snapshot needs. */
const PACKAGES: Readonly<Record<string, string>> = {
  rsync: 'rsync',
  findmnt: 'util-linux',
  blkid: 'util-linux',
  mount: 'mount',
  umount: 'mount',
  'mkfs.ext2': 'e2fsprogs',
  'mkfs.ext3': 'e2fsprogs',
  'mkfs.ext4': 'e2fsprogs',
  'mkfs.xfs': 'xfsprogs',
  'mkfs.btrfs': 'btrfs-progs',
}

/** Standard output of a program. Throws StateError with what it said when it fails or is not installed. */
export async function tool(
  command: readonly [string, ...string[]],
  options: { signal?: AbortSignal | undefined; also?: readonly number[] } = {},
): Promise<string> {
  const [name] = command
  const end = await runProgram(command, options)
  options.signal?.throwIfAborted()
  if (end === undefined) {
    const where = PACKAGES[name] === undefined ? '' : `; type: apt install ${PACKAGES[name]}`
    throw new StateError(`${name} is not installed${where}`)
  }
  if (end.code === 0 || (end.code !== null && options.also?.includes(end.code) === true)) return end.stdout
  const said = end.stderr.trim().split('\n').slice(-3).join('; ')
  throw new StateError(`${name} failed (${end.code ?? 'killed'}): ${said || 'it said nothing'}`)
}
