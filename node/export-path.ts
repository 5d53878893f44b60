import { realpath } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join, sep } from 'node:path'
import { InvalidError, NotAuthorisedError, NotFoundError } from '../src/core/errors.ts'

/**
 * The real path of an export, when it lies in one of `directories`, links followed: those of its directory and its own.
 * Errors: InvalidError for a path that is not absolute, NotFoundError for a missing directory, NotAuthorisedError.
 */
export async function checkExportPath(path: string, directories: readonly string[]): Promise<string> {
  if (!isAbsolute(path) || path.includes('\0') || path.endsWith(sep)) {
    throw new InvalidError('the path of an export is the absolute path of a file')
  }
  const target = await realTarget(join(await realDirectory(dirname(path)), basename(path)))
  for (const directory of directories) {
    const allowed = await realDirectory(directory).catch(() => undefined)
    if (allowed !== undefined && target.startsWith(allowed + sep)) return target
  }
  const help = `export into ${directories.join(' or ')}, or add the directory to export.directories of the node`
  throw new NotAuthorisedError(`the node may not write to ${dirname(path)}: ${help}`)
}

/** A link that leads nowhere is replaced by the export, so its own path counts. */
async function realTarget(path: string): Promise<string> {
  return await realpath(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'ENOENT') throw cause
    return path
  })
}

async function realDirectory(path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause
    throw new NotFoundError(`there is no directory ${path}`, { cause })
  }
}
