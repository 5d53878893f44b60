import { execFile } from 'node:child_process'
import { mkdir, rename, rm, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { StateError } from '../../src/core/errors.ts'
import { checkE2fsprogs, makeExt4 } from '../../testnet/images/ext4.ts'

const run = promisify(execFile)
const MIRROR = 'http://deb.debian.org/debian'
const SUITE = 'bookworm'
/** Time of all files that the installation makes: two images differ in what is installed, not in when. */
const EPOCH_SECONDS = '1767225600'
const IMAGE_BYTES = 1024 * 1024 * 1024

/** Disk images that are kept between runs. */
const CACHE = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'bootswarm-bench', SUITE)

/**
 * A Debian system of the given packages and what they need, as an ext4 disk of 1 GiB: `mmdebstrap --variant=minbase` and `mke2fs -d`. Made
 * once; delete the cache to have the newest packages. Needs root, mmdebstrap and a mirror. Errors: StateError, UsageError.
 */
export async function debianImage(packages: string, say: (text: string) => void): Promise<string> {
  const path = join(CACHE, `${packages.replaceAll(',', '_')}.img`)
  if (await stat(path).catch(() => undefined)) return path
  if (process.getuid?.() !== 0) throw new StateError('Debian images are made as root')
  await checkE2fsprogs()
  await mkdir(CACHE, { recursive: true })
  say(`making a Debian ${SUITE} with ${packages} in ${path}`)
  const work = join(CACHE, `work-${process.pid}`)
  try {
    await mkdir(join(work, 'tree'), { recursive: true })
    const archive = join(work, 'system.tar')
    await installed(packages, archive)
    await run('tar', ['-xf', archive, '-C', join(work, 'tree'), '--numeric-owner', '--exclude=./dev/*'])
    await makeExt4({ tree: join(work, 'tree'), target: join(work, 'image'), sizeBytes: IMAGE_BYTES })
    await rename(join(work, 'image'), path)
    return path
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

async function installed(packages: string, archive: string): Promise<void> {
  const args = ['--quiet', '--variant=minbase', `--include=${packages}`, SUITE, archive, MIRROR]
  const env = { ...process.env, SOURCE_DATE_EPOCH: EPOCH_SECONDS }
  try {
    await run('mmdebstrap', args, { env, maxBuffer: 64 * 1024 * 1024 })
  } catch (cause) {
    const { code, stderr = '' } = cause as { code?: unknown; stderr?: string }
    if (code === 'ENOENT') throw new StateError('mmdebstrap is not installed', { cause })
    throw new StateError(`mmdebstrap failed; is ${MIRROR} away? ${stderr.trim().slice(-500)}`, { cause })
  }
}
