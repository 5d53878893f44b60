import { type Static, type TSchema, Type } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { Agent, type Dispatcher } from 'undici'
import type { CallOptions } from '../core/blockstore.ts'
import {
  AbortedError,
  BootswarmError,
  LimitError,
  NotAuthorisedError,
  ProtocolError,
  UnreachableError,
} from '../core/errors.ts'
import { parseReference } from '../core/reference.ts'
import { API_ANSWER_BYTES_MAX } from '../core/registry-limits.ts'
import { NODE_PATHS } from './node-paths.ts'
import {
  type ExportAnswer,
  type ExportProgress,
  GcAnswer,
  LocalImage,
  type NodeEnrolment,
  NodeEnrolment as NodeEnrolmentSchema,
  NodePeer,
  NodeStatus,
  type PullProgress,
  type PullResult,
  type StreamEvent,
  type VerifyAnswer,
  type VerifyProgress,
} from './node-schemas.ts'
import { errorOfProblem } from './problem.ts'
import { Seed, type SeedAddProgress } from './seed-schemas.ts'

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

/**
 * The control API of the node on this machine, over its unix socket. Errors: those that the node reports,
 * UnreachableError when no node listens, NotAuthorisedError when the socket may not be used, AbortedError.
 */
export class NodeClient {
  readonly #socket: string
  readonly #agent: Agent

  constructor(init: { socket: string }) {
    this.#socket = init.socket
    this.#agent = new Agent({ connect: { socketPath: init.socket }, headersTimeout: 0, bodyTimeout: 0 })
  }

  close(): Promise<void> {
    return this.#agent.destroy()
  }

  status(options: CallOptions = {}): Promise<NodeStatus> {
    return this.#json({ method: 'GET', path: NODE_PATHS.status, ...options }, NodeStatus)
  }

  /** Enrols this node at the tracker, again where it is enrolled. */
  enrol(options: CallOptions = {}): Promise<NodeEnrolment> {
    const schema = Type.Unsafe<NodeEnrolment>(NodeEnrolmentSchema)
    return this.#json({ method: 'POST', path: NODE_PATHS.enrolment, ...options }, schema)
  }

  images(options: CallOptions = {}): Promise<LocalImage[]> {
    return this.#json({ method: 'GET', path: NODE_PATHS.images, ...options }, Type.Array(LocalImage))
  }

  peers(options: CallOptions = {}): Promise<NodePeer[]> {
    return this.#json({ method: 'GET', path: NODE_PATHS.peers, ...options }, Type.Array(NodePeer))
  }

  /** Fetches an image. It goes on in the node when `signal` ends this call; the same call joins it again. */
  pull(
    reference: string,
    options: StreamOptions<PullProgress> & { delegation?: string } = {},
  ): Promise<PullResult> {
    const { delegation, ...others } = options
    const json = { reference, ...(delegation === undefined ? {} : { delegation }) }
    return this.#stream({ method: 'POST', path: NODE_PATHS.pulls, json }, others)
  }

  /** Writes an image that is complete here to a file; `path` lies in one of the node's export directories. */
  export(
    init: { reference: string; path: string },
    options: StreamOptions<ExportProgress> = {},
  ): Promise<ExportAnswer> {
    return this.#stream({ method: 'POST', path: NODE_PATHS.exports, json: init }, options)
  }

  verify(options: StreamOptions<VerifyProgress> = {}): Promise<VerifyAnswer> {
    return this.#stream({ method: 'POST', path: NODE_PATHS.verify, json: {} }, options)
  }

  /** Forgets an image here; its blocks go with the next garbage collection. */
  async remove(reference: string, options: CallOptions = {}): Promise<void> {
    const { namespace, name, tag, version } = parseReference(reference)
    const query = new URLSearchParams()
    if (tag !== undefined) query.set('tag', tag)
    if (version !== undefined) query.set('version', String(version))
    const path = `${NODE_PATHS.images}/${namespace}/${name}${query.size === 0 ? '' : `?${query}`}`
    await this.#text({ method: 'DELETE', path, ...options })
  }

  seeds(options: CallOptions = {}): Promise<Seed[]> {
    return this.#json({ method: 'GET', path: NODE_PATHS.seeds, ...options }, Type.Array(Seed))
  }

  /** Makes files of the node's machine seeds, by absolute paths; those that are seeds already are read again. */
  addSeeds(paths: readonly string[], options: StreamOptions<SeedAddProgress> = {}): Promise<Seed[]> {
    return this.#stream({ method: 'POST', path: NODE_PATHS.seeds, json: { paths } }, options)
  }

  async removeSeeds(paths: readonly string[], options: CallOptions = {}): Promise<void> {
    await this.#text({ method: 'DELETE', path: NODE_PATHS.seeds, json: { paths }, ...options })
  }

  gc(options: CallOptions & { dryRun?: boolean } = {}): Promise<GcAnswer> {
    const { dryRun = false, ...call } = options
    return this.#json({ method: 'POST', path: NODE_PATHS.gc, json: { dryRun }, ...call }, GcAnswer)
  }

  async #json<T extends TSchema>(call: Call, schema: T): Promise<Static<T>> {
    const body = parse(await this.#text(call))
    if (Value.Check(schema, body)) return body
    throw new ProtocolError(`the node at ${this.#socket} gave an answer of a wrong form to ${call.path}`)
  }

  async #text(call: Call): Promise<string> {
    const pieces: Uint8Array[] = []
    let size = 0
    for await (const piece of this.#pieces(await this.#send(call), call)) {
      size += piece.length
      if (size > API_ANSWER_BYTES_MAX) throw new LimitError('the node answered with too many bytes')
      pieces.push(piece)
    }
    return Buffer.concat(pieces).toString()
  }

  async #stream<Progress, Result>(call: Call, options: StreamOptions<Progress>): Promise<Result> {
    const signalled = { ...call, signal: options.signal }
    const decoder = new TextDecoder()
    let rest = ''
    for await (const piece of this.#pieces(await this.#send(signalled), signalled)) {
      const lines = (rest + decoder.decode(piece, { stream: true })).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        const event = parse(line) as StreamEvent<Progress, Result> | undefined
        if (event?.event === 'done') return event.result
        if (event?.event === 'error') throw errorOfProblem(500, event.problem)
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
      throw errorOfProblem(answer.statusCode, parse(await answer.body.text()))
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

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
