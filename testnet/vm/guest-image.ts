import { execFile, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import { StateError, UnreachableError } from '../../src/core/errors.ts'
import { type Log, silentLog } from '../../src/core/log.ts'
import { guard } from '../guard.ts'
import { checkE2fsprogs, makeExt4 } from '../images/ext4.ts'
import { GUEST_RECIPE, type GuestRecipe, installArgs } from './guest-recipe.ts'

const run = promisify(execFile)
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024
/** How a mirror that is away looks in what apt says. */
const MIRROR_AWAY = /Could not (resolve|connect)|Temporary failure|Unable to connect|Network is unreachable/

/** A Debian disk that QEMU boots, with the kernel that lies on it. */
export interface GuestImage {
  /** Raw ext4, without a partition table: the root file system. */
  readonly disk: string
  readonly kernel: string
  readonly initrd: string
  /** A file of the disk that no boot reads, and its digest: who reads it right inside has the right disk. */
  readonly probe: { readonly path: string; readonly sha256: string }
}

/** Why such an image cannot be made and booted here; undefined when it can. */
export function guestLack(): string | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'guests are of Linux on x86-64'
  if (process.getuid?.() !== 0) return 'Debian disks are made as root'
  const programs = ['qemu-system-x86_64', 'qemu-img', 'mmdebstrap']
  const missing = programs.filter(
    (name) => spawnSync(name, ['--version'], { stdio: 'ignore' }).error !== undefined,
  )
  if (missing.length > 0) return `${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} not installed`
  return undefined
}

/** Where images are kept between runs: they are the same for everybody. */
export function guestCache(): string {
  return join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'bootswarm', 'guests')
}

/**
 * The image of a recipe, from the cache where it was made before. Files and times come from the recipe; the packages are those that the mirror has
 * on the day. Errors: StateError (what `guestLack` says, a failed installation), UnreachableError when the mirror is away, UsageError without e2fsprogs.
 */
export async function makeGuestImage(init: {
  cacheDir: string
  recipe?: GuestRecipe
  log?: Log
}): Promise<GuestImage> {
  const { cacheDir, recipe = GUEST_RECIPE, log = silentLog } = init
  const dir = join(cacheDir, `guest-${digestOf(recipe)}`)
  const made = await existing(dir)
  if (made !== undefined) return made
  const lack = guestLack()
  if (lack !== undefined) throw new StateError(lack)
  await checkE2fsprogs()
  await mkdir(cacheDir, { recursive: true })
  const work = await mkdtemp(join(cacheDir, 'work-'))
  const release = guard({ dir: work, processes: () => [] })
  try {
    log.info({ packages: recipe.packages.join(','), suite: recipe.suite }, 'making a Debian disk')
    await build(join(work, 'guest'), recipe)
    // Somebody else may have made the same meanwhile.
    await rename(join(work, 'guest'), dir).catch(async (cause: unknown) => {
      if ((await existing(dir)) === undefined) throw cause
    })
  } finally {
    await rm(work, { recursive: true, force: true })
    release()
  }
  const image = await existing(dir)
  if (image === undefined) throw new StateError(`${dir} is not there although it was made`)
  return image
}

/** The name of what a recipe makes. */
function digestOf(recipe: GuestRecipe): string {
  return createHash('sha256').update(JSON.stringify(recipe)).digest('hex').slice(0, 16)
}

const FACTS = 'guest.json'

async function existing(dir: string): Promise<GuestImage | undefined> {
  try {
    const { probe } = JSON.parse(await readFile(join(dir, FACTS), 'utf8')) as Pick<GuestImage, 'probe'>
    return { ...pathsIn(dir), probe }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

function pathsIn(dir: string): Omit<GuestImage, 'probe'> {
  return { disk: join(dir, 'disk.raw'), kernel: join(dir, 'vmlinuz'), initrd: join(dir, 'initrd') }
}

async function build(dir: string, recipe: GuestRecipe): Promise<void> {
  const tree = join(dir, 'tree')
  const archive = join(dir, 'system.tar')
  await mkdir(tree, { recursive: true })
  await install(recipe, archive)
  await run('tar', ['-xf', archive, '-C', tree, '--numeric-owner', '--exclude=./dev/*'])
  await rm(archive)
  const paths = pathsIn(dir)
  const boot = await readdir(join(tree, 'boot'))
  const kernel = boot.find((name) => name.startsWith('vmlinuz-'))
  const initrd = boot.find((name) => name.startsWith('initrd.img-'))
  if (kernel === undefined || initrd === undefined)
    throw new StateError('the recipe has no kernel, or it has no initrd')
  await copyFile(join(tree, 'boot', kernel), paths.kernel)
  await copyFile(join(tree, 'boot', initrd), paths.initrd)
  await makeExt4({ tree, target: paths.disk, sizeBytes: recipe.sizeBytes, isSettled: true })
  const sha256 = createHash('sha256')
  await pipeline(createReadStream(paths.kernel), sha256)
  await rm(tree, { recursive: true })
  const probe = { path: `/boot/${kernel}`, sha256: sha256.digest('hex') }
  // The last: an image without it is none.
  await writeFile(join(dir, FACTS), JSON.stringify({ probe, recipe }))
}

async function install(recipe: GuestRecipe, archive: string): Promise<void> {
  const env = { ...process.env, LC_ALL: 'C', SOURCE_DATE_EPOCH: recipe.epochSeconds }
  try {
    await run('mmdebstrap', installArgs(recipe, archive), { env, maxBuffer: OUTPUT_BYTES_MAX })
  } catch (cause) {
    const said = String((cause as { stderr?: unknown }).stderr ?? '').trim()
    if (MIRROR_AWAY.test(said)) throw new UnreachableError(`${recipe.mirror} is away`, { cause })
    throw new StateError(`mmdebstrap failed: ${said.slice(-1000)}`, { cause })
  }
}
