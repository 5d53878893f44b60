import type { Static, TSchema } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import type { Dispatcher } from 'undici'
import type { CallOptions } from '../core/blockstore.ts'
import {
  AbortedError,
  BootswarmError,
  type ErrorCode,
  errorFromCode,
  LimitError,
  NotAuthorisedError,
  ProtocolError,
  UnreachableError,
} from '../core/errors.ts'
import { API_ANSWER_BYTES_MAX } from '../core/registry-limits.ts'
import type { StreamEvent } from './node-schemas.ts'
import { errorOfProblem } from './problem.ts'
import { Agent } from './undici-client.ts'

/** Options of calls that go on for long. */
export interface StreamOptions<Progress> extends CallOptions {
  onProgress?(progress: Progress): void
}

interface Call {
  method: 'GET' | 'POST' | 'DELETE'
  path: string
  json?: unknown
  signal?: AbortSignal | undefined
}

/** Requests to the control API of a node over its unix socket. Errors: those of NodeClient. */
export class NodeCalls {
  readonly #socket: string
  readonly #agent: Agent

  constructor(init: { socket: string }) {
    this.#socket = init.socket
    this.#agent = new Agent({ connect: { socketPath: init.socket }, headersTimeout: 0, bodyTimeout: 0 })
  }

  close(): Promise<void> {
    return this.#agent.destroy()
  }

  async json<T extends TSchema>(call: Call, schema: T): Promise<Static<T>> {
    const body = parse(await this.text(call))
    if (Value.Check(schema, body)) return body
    throw new ProtocolError(`the node at ${this.#socket} gave an answer of a wrong form to ${call.path}`)
  }

  async text(call: Call): Promise<string> {
    const pieces: Uint8Array[] = []
    let size = 0
    for await (const piece of this.#pieces(await this.#send(call), call)) {
      size += piece.length
      if (size > API_ANSWER_BYTES_MAX) throw new LimitError('the node answered with too many bytes')
      pieces.push(piece)
    }
    return Buffer.concat(pieces).toString()
  }

  async stream<Progress, Result>(call: Call, options: StreamOptions<Progress>): Promise<Result> {
    const signalled = { ...call, signal: options.signal }
    const decoder = new TextDecoder()
    let rest = ''
    for await (const piece of this.#pieces(await this.#send(signalled), signalled)) {
      const lines = (rest + decoder.decode(piece, { stream: true })).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        const event = parse(line) as StreamEvent<Progress, Result> | undefined
        if (event?.event === 'done') return event.result
        if (event?.event === 'error') throw saidByNode(500, event.problem)
        if (event?.event === 'progress') options.onProgress?.(event.progress)
      }
    }
    throw new UnreachableError(`the node at ${this.#socket} stopped in the middle of its answer: see its log`)
  }

  async #send(call: Call): Promise<Dispatcher.ResponseData> {
    const { json, method, path, signal } = call
    try {
      signal?.throwIfAborted()
      const answer = await this.#agent.request({
        origin: 'http://node',
        method,
        path,
        ...(json === undefined
          ? {}
          : { body: JSON.stringify(json), headers: { 'content-type': 'application/json' } }),
        ...(signal === undefined ? {} : { signal }),
      })
      if (answer.statusCode < 300) return answer
      throw saidByNode(answer.statusCode, parse(await answer.body.text()))
    } catch (error) {
      throw this.#errorOf(error, call)
    }
  }

  async *#pieces(answer: Dispatcher.ResponseData, call: Call): AsyncGenerator<Uint8Array> {
    try {
      for await (const piece of answer.body) yield piece as Uint8Array
    } catch (error) {
      throw this.#errorOf(error, call)
    } finally {
      answer.body.on('error', () => {})
      answer.body.destroy()
    }
  }

  #errorOf(error: unknown, call: Call): BootswarmError {
    if (error instanceof BootswarmError) return error
    if (call.signal?.aborted === true) return new AbortedError('stopped on request', { cause: error })
    const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined
    if (code === 'EACCES') {
      const help = 'are you in the group of the socket (kvm)?'
      return new NotAuthorisedError(`the socket ${this.#socket} may not be used: ${help}`, { cause: error })
    }
    const help = 'is it running (bootswarm node serve), and is this its socket?'
    return new UnreachableError(`no node answers at ${this.#socket}: ${help}`, { cause: error })
  }
}

const NODE_ALONE = 'It is the node that gets no answer'

/** What a node says of its own way to others: not the certificates and addresses of whoever asks it are to be looked at. */
const NODE_ADVICE: Partial<Record<ErrorCode, string>> = {
  E_UNREACHABLE: `${NODE_ALONE}, not this command: bootswarm node status shows its tracker and peers, bootswarm doctor what may be wrong.`,
  E_TIMEOUT: `${NODE_ALONE} in time, not this command: bootswarm node status shows its tracker and peers, bootswarm doctor what may be wrong.`,
  E_CERTIFICATE: 'It is about certificates of the node, not of this command: bootswarm doctor looks at them.',
  E_NOT_AUTHORISED:
    'It is the node that may not, not who gives this command: bootswarm node status shows who it is.',
}

function saidByNode(status: number, body: unknown): BootswarmError {
  const error = errorOfProblem(status, body)
  const advice = NODE_ADVICE[error.code]
  if (advice === undefined || error.data['advice'] !== undefined) return error
  return errorFromCode(error.code, error.message, { ...error.data, advice })
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
