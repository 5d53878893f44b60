import { readFile, stat } from 'node:fs/promises'
import { InvalidError, LimitError, NotFoundError } from '../../core/errors.ts'
import { JWS_BYTES_MAX } from '../../core/limits.ts'
import { CHAIN_STATEMENTS_MAX, PROOF_FILE_BYTES_MAX } from '../../core/registry-limits.ts'

/** Text of a chain in a file: one compact JWS a line, oldest first. */
export function chainText(tokens: readonly string[]): string {
  return tokens.map((token) => `${token}\n`).join('')
}

/** Errors: NotFoundError, LimitError, InvalidError. */
export async function readChain(path: string): Promise<string[]> {
  const tokens = (await readProofFile(path)).toString('utf8').split('\n')
  if (tokens.at(-1) === '') tokens.pop()
  if (tokens.length > CHAIN_STATEMENTS_MAX) throw new LimitError(`${path} has too many statements`)
  tokens.forEach((token, i) => {
    if (token.length > JWS_BYTES_MAX || !/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token))
      throw new InvalidError(`line ${i + 1} of ${path} is no signed statement`)
  })
  return tokens
}

/** `typ` of the statements in a chain; undefined when the first has none. */
export function typeOf(tokens: readonly string[]): string | undefined {
  const [header = ''] = tokens[0]?.split('.', 1) ?? []
  try {
    const { typ } = JSON.parse(Buffer.from(header, 'base64url').toString('utf8')) as { typ?: unknown }
    return typeof typ === 'string' ? typ : undefined
  } catch {
    return undefined
  }
}

/** Errors: NotFoundError, LimitError. */
export async function readProofFile(path: string): Promise<Buffer> {
  try {
    const { size } = await stat(path)
    if (size > PROOF_FILE_BYTES_MAX) throw new LimitError(`${path} is too large`)
    return await readFile(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    throw new NotFoundError(`there is no file ${path}`, { cause: error })
  }
}
