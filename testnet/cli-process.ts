import { programPath, type StartProgram, startHere } from './daemon.ts'
import type { CliOptions, CliResult } from './handles.ts'

const OUTPUT_CHARS_MAX = 8 * 1024 * 1024

/** Runs `bootswarm ARGS` as a process of its own with a configuration home of its own. */
export function runCliProcess(
  cliHome: string,
  args: readonly string[],
  options: CliOptions & { start?: StartProgram } = {},
): Promise<CliResult> {
  const { promise, resolve, reject } = Promise.withResolvers<CliResult>()
  const context = options.context === undefined ? {} : { BOOTSWARM_CONTEXT: options.context }
  const start = options.start ?? startHere
  const child = start(process.execPath, [programPath(), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, XDG_CONFIG_HOME: cliHome, NO_COLOR: '1', ...context },
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  })
  let stdout = ''
  let stderr = ''
  child.stdout?.setEncoding('utf8').on('data', (piece: string) => {
    stdout = (stdout + piece).slice(-OUTPUT_CHARS_MAX)
  })
  child.stderr?.setEncoding('utf8').on('data', (piece: string) => {
    stderr = (stderr + piece).slice(-OUTPUT_CHARS_MAX)
    options.onStderr?.(piece)
  })
  child.once('error', reject)
  child.once('close', (code) => resolve({ code, stdout, stderr }))
  return promise
}
