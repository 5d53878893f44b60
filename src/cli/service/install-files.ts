import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { ConflictError } from '../../core/errors.ts'
import { MARK, type ServiceFile } from './service-files.ts'

export interface InstalledFile {
  readonly state: 'written' | 'unchanged'
  readonly path: string
}

/**
 * Writes files below `root`. One that this command has not written is never replaced: ConflictError, before anything
 * is written. Also throws what the file system says.
 */
export async function installFiles(
  files: readonly ServiceFile[],
  { root }: { root: string },
): Promise<InstalledFile[]> {
  const there = await Promise.all(files.map(({ path }) => textOf(join(root, path))))
  const foreign = files.filter((_, i) => there[i] !== undefined && !there[i]?.startsWith(MARK))
  if (foreign.length > 0) {
    const paths = foreign.map(({ path }) => join(root, path)).join(', ')
    const advice = 'Add what `bootswarm service print` shows by hand, or move the file away.'
    throw new ConflictError(`${paths}: somebody else wrote this`, { data: { advice } })
  }
  const written: InstalledFile[] = []
  for (const [i, { path, text }] of files.entries()) {
    const target = join(root, path)
    if (there[i] !== text) {
      await mkdir(dirname(target), { recursive: true, mode: 0o755 })
      await writeFile(target, text)
      await chmod(target, 0o644)
    }
    written.push({ state: there[i] === text ? 'unchanged' : 'written', path: target })
  }
  return written
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
