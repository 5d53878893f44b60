import { StateError } from '../core/errors.ts'
import { type RunOptions, runProgram } from '../util/run-program.ts'

const ADVICE = 'Install it: apt install qemu-utils (Debian, Ubuntu), dnf install qemu-img (Fedora, RHEL).'

/** Characters of a message of qemu-img that are passed on. */
const MESSAGE_CHARS_MAX = 1000

/** Standard output of qemu-img. Throws StateError with what it said when it failed, or how to install it. */
export async function qemuImg(args: readonly string[], options: RunOptions = {}): Promise<string> {
  const end = await runProgram(['qemu-img', ...args], options)
  options.signal?.throwIfAborted()
  if (end === undefined) throw new StateError('qemu-img is not installed', { data: { advice: ADVICE } })
  if (end.code === 0) return end.stdout
  const message = end.stderr
    .trim()
    .replace(/^qemu-img: /, '')
    .slice(-MESSAGE_CHARS_MAX)
  throw new StateError(`qemu-img: ${message || `ended with ${end.code}`}`)
}

/** Calls back with the share that is done, from 0 to 1, for what `qemu-img -p` prints. */
export function readProgress(done: (share: number) => void): (text: string) => void {
  return (text) => {
    const percent = [...text.matchAll(/\((\d+(?:\.\d+)?)\/100%\)/g)].at(-1)?.[1]
    if (percent !== undefined) done(Number(percent) / 100)
  }
}
