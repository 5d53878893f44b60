import { execFile } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** First line of `casync --version`; undefined where it is not installed. */
export async function casyncVersion(): Promise<string | undefined> {
  try {
    return (await run('casync', ['--version'])).stdout.split('\n')[0]?.trim()
  } catch {
    return undefined
  }
}

/** `casync make` of an image into an empty store, all defaults (64 KiB chunks on average, compressed). */
export async function casyncMake(image: string, dir: string): Promise<void> {
  const store = join(dir, 'casync.castr')
  await rm(store, { recursive: true, force: true })
  await run('casync', ['make', `--store=${store}`, join(dir, 'casync.caibx'), image], {
    maxBuffer: 64 * 1024 * 1024,
  })
}
