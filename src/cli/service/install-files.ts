import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { ConflictError } from '../../core/errors.ts'
import { END_MARK, MARK, type ServiceFile } from './service-files.ts'

export interface InstalledFile {
  readonly state: 'written' | 'unchanged'
  readonly path: string
}

/**
 * Writes files below `root`. What this command has not written is never replaced: in a file of several only its own part is, another is
 * a ConflictError, before anything is written. Also throws what the file system says.
 */
export async function installFiles(
  files: readonly ServiceFile[],
  { root }: { root: string },
): Promise<InstalledFile[]> {
  const there = await Promise.all(files.map(({ path }) => textOf(join(root, path))))
  const foreign = files.filter(({ isShared }, i) => isShared !== true && isForeign(there[i]))
  if (foreign.length > 0) {
    const paths = foreign.map(({ path }) => join(root, path)).join(', ')
    const advice = 'Add what `bootswarm service print` shows by hand, or move the file away.'
    throw new ConflictError(`${paths}: somebody else wrote this`, { data: { advice } })
  }
  const written: InstalledFile[] = []
  for (const [i, file] of files.entries()) {
    const { path } = file
    const target = join(root, path)
    const text = file.isShared === true ? withOurs(there[i] ?? '', file.text) : file.text
    if (there[i] !== text) {
      await mkdir(dirname(target), { recursive: true, mode: 0o755 })
      await writeFile(target, text)
      await chmod(target, 0o644)
    }
    written.push({ state: there[i] === text ? 'unchanged' : 'written', path: target })
  }
  return written
}

/** Packages leave empty files where others may write. */
function isForeign(text = ''): boolean {
  return text.trim() !== '' && !text.startsWith(MARK)
}

/** The text of a file of several with our part as it is now; one without a last line is from when all of it was ours. */
function withOurs(text: string, ours: string): string {
  const from = text.indexOf(MARK)
  if (from === -1) return text.trim() === '' ? ours : `${text.trimEnd()}\n${ours}`
  const end = text.indexOf(`${END_MARK}\n`, from)
  return `${text.slice(0, from)}${ours}${end === -1 ? '' : text.slice(end + END_MARK.length + 1)}`
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
