import { spawn } from 'node:child_process'

/** How a program ended. */
export interface ProgramEnd {
  /** Null when a signal ended it. */
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly signal?: AbortSignal | undefined
  /** What an aborted `signal` sends; SIGTERM unless given. */
  readonly killSignal?: 'SIGTERM' | 'SIGKILL'
  /** Beside those that every program gets. */
  readonly env?: Readonly<Record<string, string>>
  /** Pieces of standard output as they come. */
  onStdout?(text: string): void
}

/** Characters of each output that are kept: the last of them say what went wrong. */
const OUTPUT_CHARS_MAX = 64 * 1024

/**
 * Runs a program without a shell, in the C locale and with `env` alone, until it ends. Undefined when it is not installed. An aborted `signal`
 * ends it. Errors: whatever the system says when it cannot be started.
 */
export async function runProgram(
  [program, ...args]: readonly [string, ...string[]],
  options: RunOptions = {},
): Promise<ProgramEnd | undefined> {
  const env = { PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`, LC_ALL: 'C', ...options.env }
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const { promise, resolve, reject } = Promise.withResolvers<ProgramEnd | undefined>()
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout = (stdout + text).slice(-OUTPUT_CHARS_MAX)
    options.onStdout?.(text)
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-OUTPUT_CHARS_MAX)
  })
  const stop = () => child.kill(options.killSignal ?? 'SIGTERM')
  child.once('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') resolve(undefined)
    else reject(error)
  })
  child.once('close', (code) => resolve({ code, stdout, stderr }))
  options.signal?.addEventListener('abort', stop, { once: true })
  try {
    return await promise
  } finally {
    options.signal?.removeEventListener('abort', stop)
  }
}
