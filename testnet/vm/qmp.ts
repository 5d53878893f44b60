import { createServer, type Server, type Socket } from 'node:net'
import { StateError, TimeoutError } from '../../src/core/errors.ts'

/** A line of QEMU's is some kilobytes. */
const LINE_CHARS_MAX = 1024 * 1024
const ANSWER_TIMEOUT_MS = 15_000

interface Pending {
  resolve(answer: unknown): void
  reject(error: Error): void
}

/** QEMU's monitor (QMP): QEMU connects to a socket of ours, so that nobody has to wait for one of its. */
export class QmpMonitor {
  readonly #server: Server
  readonly #pending = new Map<number, Pending>()
  #socket: Socket | undefined
  readonly #greeted = Promise.withResolvers<void>()
  #text = ''
  #last = 0

  private constructor(server: Server) {
    this.#server = server
    this.#greeted.promise.catch(() => {})
    server.once('connection', (socket) => this.#onConnection(socket))
  }

  static async listen(path: string): Promise<QmpMonitor> {
    const server = createServer()
    const monitor = new QmpMonitor(server)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    server.once('error', reject)
    server.listen(path, resolve)
    await promise
    return monitor
  }

  /** Errors: StateError with what QEMU says, or when it has ended; TimeoutError. */
  async execute(command: string, args?: object): Promise<unknown> {
    await this.#within(this.#greeted.promise, command)
    return await this.#send(command, args)
  }

  close(): void {
    this.#socket?.destroy()
    this.#server.close()
    this.#fail()
  }

  #onConnection(socket: Socket): void {
    this.#socket = socket
    socket.setEncoding('utf8').on('data', (text: string) => this.#hear(text))
    socket.on('error', () => {})
    socket.once('close', () => this.#fail())
  }

  #hear(text: string): void {
    this.#text += text
    if (this.#text.length > LINE_CHARS_MAX) this.#socket?.destroy()
    const lines = this.#text.split('\n')
    this.#text = lines.pop() ?? ''
    for (const line of lines) if (line.trim() !== '') this.#onMessage(JSON.parse(line) as QmpMessage)
  }

  #onMessage(message: QmpMessage): void {
    if (message.QMP !== undefined) {
      this.#send('qmp_capabilities', undefined).then(
        () => this.#greeted.resolve(),
        (error: unknown) => this.#greeted.reject(error),
      )
      return
    }
    const pending = message.id === undefined ? undefined : this.#pending.get(message.id)
    if (pending === undefined) return
    if (message.error === undefined) pending.resolve(message.return)
    else pending.reject(new StateError(`QEMU: ${message.error.desc}`))
  }

  async #send(command: string, args: object | undefined): Promise<unknown> {
    const id = ++this.#last
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    this.#pending.set(id, { resolve, reject })
    const what = { execute: command, id, ...(args === undefined ? {} : { arguments: args }) }
    this.#socket?.write(`${JSON.stringify(what)}\n`)
    return await this.#within(promise, command).finally(() => this.#pending.delete(id))
  }

  async #within<T>(promise: Promise<T>, command: string): Promise<T> {
    const late = Promise.withResolvers<never>()
    const timer = setTimeout(
      () => late.reject(new TimeoutError(`QEMU does not answer ${command}`)),
      ANSWER_TIMEOUT_MS,
    )
    return await Promise.race([promise, late.promise]).finally(() => clearTimeout(timer))
  }

  #fail(): void {
    const gone = new StateError('QEMU has ended')
    this.#greeted.reject(gone)
    for (const pending of this.#pending.values()) pending.reject(gone)
  }
}

interface QmpMessage {
  readonly QMP?: object
  readonly id?: number
  readonly return?: unknown
  readonly error?: { readonly desc: string }
}
