import { execFile } from 'node:child_process'
import { rm, truncate, writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { StateError, UsageError } from '../../src/core/errors.ts'

const run = promisify(execFile)

/** Places of mke2fs that the PATH of an ordinary user lacks. */
const PATH_WITH_SBIN = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin:/opt/homebrew/opt/e2fsprogs/sbin`
/** The same in every image, so that two images of one tree are one image. */
const UUID = 'b0075a2d-0000-4000-8000-000000000001'
const NOW_SECONDS = '1767225600'

/** Throws UsageError that says what to install when e2fsprogs is missing or too old for `mke2fs -d`. */
export async function checkE2fsprogs(): Promise<void> {
  const env = { ...process.env, PATH: PATH_WITH_SBIN }
  try {
    await run('mke2fs', ['-V'], { env })
  } catch (cause) {
    throw new UsageError(
      'mke2fs is missing, which builds the disk images of the testnet: install e2fsprogs (Debian, Ubuntu: "apt install e2fsprogs"; ' +
        'Fedora: "dnf install e2fsprogs"; macOS: "brew install e2fsprogs"), or give an image of your own with --image FILE',
      { cause },
    )
  }
}

export interface Ext4Init {
  readonly tree: string
  readonly target: string
  readonly sizeBytes: number
  /** Nothing is left for the first mount to do: a guest would write its inode tables for as long as it runs. */
  readonly isSettled?: boolean
}

/** Makes `target` a sparse ext4 image of `sizeBytes` with the files of `tree`; no root needed. Throws StateError when they do not fit. */
export async function makeExt4(init: Ext4Init): Promise<void> {
  await rm(init.target, { force: true })
  await writeFile(init.target, '')
  await truncate(init.target, init.sizeBytes)
  const args = ['-q', '-F', '-t', 'ext4', '-b', '4096', '-m', '1', '-L', 'bootswarm', '-U', UUID]
  const extended = `hash_seed=${UUID},root_owner=0:0,lazy_itable_init=${init.isSettled === true ? 0 : 1}`
  const env = { ...process.env, PATH: PATH_WITH_SBIN, E2FSPROGS_FAKE_TIME: NOW_SECONDS }
  try {
    await run('mke2fs', [...args, '-E', extended, '-i', '8192', '-d', init.tree, init.target], { env })
  } catch (cause) {
    const said = String((cause as { stderr?: unknown }).stderr ?? '').trim()
    throw new StateError(`mke2fs could not build ${init.target}: ${said}`, { cause })
  }
}
