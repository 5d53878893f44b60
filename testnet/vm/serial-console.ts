import type { Readable, Writable } from 'node:stream'
import { stripVTControlCharacters } from 'node:util'
import { StateError, TimeoutError } from '../../src/core/errors.ts'

/** Most that is kept of what nobody has asked for yet. */
const UNREAD_CHARS_MAX = 1024 * 1024
const TAIL_CHARS = 1500
const COMMAND_TIMEOUT_MS = 60_000

interface Waiting {
  readonly pattern: RegExp
  resolve(found: RegExpExecArray): void
  reject(error: Error): void
}

/** The other end of a guest's serial line: somebody who reads and types. */
export class SerialConsole {
  readonly #input: Writable
  #unread = ''
  #tail = ''
  #waiting: Waiting | undefined
  #over: string | undefined
  #commands = 0

  constructor(init: { output: Readable; input: Writable }) {
    this.#input = init.input
    // A guest that has ended takes no more; who waits for its answer is told.
    init.input.on('error', () => {})
    init.output.setEncoding('utf8').on('data', (text: string) => this.#hear(text))
  }

  /** The end of what came, for messages. */
  get tail(): string {
    return stripVTControlCharacters(this.#tail).trim()
  }

  /**
   * Resolves when what came since the last call matches. One call at a time.
   * Errors: TimeoutError, StateError when the guest has ended.
   */
  async expect(pattern: RegExp, timeoutMs: number): Promise<RegExpExecArray> {
    if (this.#waiting !== undefined) throw new StateError('somebody waits at this console already')
    const { promise, resolve, reject } = Promise.withResolvers<RegExpExecArray>()
    const timer = setTimeout(
      () =>
        reject(new TimeoutError(`no ${pattern} within ${timeoutMs} ms; the console's end:\n${this.tail}`)),
      timeoutMs,
    )
    this.#waiting = { pattern, resolve, reject }
    this.#look()
    try {
      return await promise
    } finally {
      clearTimeout(timer)
      this.#waiting = undefined
    }
  }

  type(text: string): void {
    this.#input.write(text)
  }

  /** Logs in as root without a password, into a shell without a prompt and without echo. */
  async login(timeoutMs = COMMAND_TIMEOUT_MS): Promise<void> {
    this.type('root\n')
    await this.expect(/root@\S+# /, timeoutMs)
    this.type('exec sh\n')
    await this.expect(/# $/, timeoutMs)
    this.type("stty -echo; PS1= PS2=; echo 'r'eady\n")
    await this.expect(/ready\r?\n/, timeoutMs)
  }

  /** What a command prints, after `login`. Errors: those of `expect`, StateError when it fails. */
  async run(command: string, timeoutMs = COMMAND_TIMEOUT_MS): Promise<string> {
    this.#commands += 1
    const mark = `=end-${this.#commands}=`
    this.type(`{ ${command}\n}; echo "${mark}$?"\n`)
    const [all, before = '', status] = await this.expect(
      new RegExp(`^([^]*?)${mark}(\\d+)\\r?\\n`),
      timeoutMs,
    )
    if (status !== '0') throw new StateError(`"${command}" failed in the guest: ${all.trim()}`)
    return before.replaceAll('\r\n', '\n')
  }

  /** The guest has ended: nothing comes any more. */
  end(reason: string): void {
    this.#over = reason
    this.#look()
  }

  #hear(text: string): void {
    this.#unread = (this.#unread + text).slice(-UNREAD_CHARS_MAX)
    this.#tail = (this.#tail + text).slice(-TAIL_CHARS)
    this.#look()
  }

  #look(): void {
    if (this.#waiting === undefined) return
    const found = this.#waiting.pattern.exec(this.#unread)
    if (found !== null) {
      this.#unread = this.#unread.slice(found.index + found[0].length)
      this.#waiting.resolve(found)
    } else if (this.#over !== undefined) {
      this.#waiting.reject(new StateError(`${this.#over}; the console's end:\n${this.tail}`))
    }
  }
}
