import type { Static, TSchema } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import type { Dispatcher } from 'undici'
import {
  AbortedError,
  BootswarmError,
  CertificateError,
  type ErrorOptions,
  LimitError,
  ProtocolError,
  TimeoutError,
  UnreachableError,
} from '../core/errors.ts'
import { API_ANSWER_BYTES_MAX, API_ANSWER_TIMEOUT_MS } from '../core/registry-limits.ts'
import { errorOfProblem } from './problem.ts'
import { type TlsInit, tlsConnector } from './tls-connector.ts'
import { Agent } from './undici-client.ts'

export interface HttpClientInit extends Omit<TlsInit, 'name'> {
  /** Origin of the server, such as https://tracker.example:8443. */
  url: string
  /** Name that the server's certificate must carry; the host of `url` when left out. */
  name?: string
}

export interface HttpRequest {
  method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE'
  path: string
  query?: Readonly<Record<string, string | number | undefined>>
  /** Sent as JSON. */
  json?: unknown
  /** Sent as application/octet-stream. */
  bytes?: Uint8Array
  headers?: Readonly<Record<string, string>>
  signal?: AbortSignal | undefined
  /** For the first byte of the answer. */
  answerTimeoutMs?: number
}

export type HttpAnswer = Dispatcher.ResponseData

/**
 * HTTPS with a client certificate. Every failure is one of src/core/errors.ts: the server's own (from its problem
 * document), UnreachableError, TimeoutError, AbortedError, CertificateError, ProtocolError.
 */
export class HttpClient {
  readonly url: string
  readonly #agent: Agent

  constructor(init: HttpClientInit) {
    const url = new URL(init.url)
    const name = init.name ?? url.hostname
    this.url = url.origin
    this.#agent = new Agent({
      connect: tlsConnector({ ...init, name }),
      headersTimeout: API_ANSWER_TIMEOUT_MS,
      bodyTimeout: API_ANSWER_TIMEOUT_MS,
      connections: 16,
      pipelining: 1,
    })
  }

  /** Waits for what runs, then closes the connections. */
  async close(): Promise<void> {
    await this.#agent.close()
  }

  /** The answer when its status is 2xx, its body still to be read; throws otherwise. */
  async send(request: HttpRequest): Promise<HttpAnswer> {
    const answer = await this.#dispatch(request)
    if (answer.statusCode >= 200 && answer.statusCode < 300) return answer
    throw errorOfProblem(answer.statusCode, parseJson(await this.#readAll(answer, request)))
  }

  /** The JSON body of the answer, checked against `schema`. */
  async json<T extends TSchema>(request: HttpRequest, schema: T): Promise<Static<T>> {
    const body = parseJson(await this.bytes(request))
    if (Value.Check(schema, body)) return body
    throw new ProtocolError(`${this.url} gave an answer of a wrong form to ${request.method} ${request.path}`)
  }

  async bytes(request: HttpRequest): Promise<Uint8Array> {
    return await this.#readAll(await this.send(request), request)
  }

  /** For answers without a body. */
  async empty(request: HttpRequest): Promise<void> {
    await this.bytes(request)
  }

  /** The pieces of an answer's body. Throws UnreachableError when it breaks off. */
  async *pieces(answer: HttpAnswer, request: HttpRequest): AsyncGenerator<Uint8Array> {
    try {
      for await (const piece of answer.body) yield piece as Uint8Array
    } catch (error) {
      throw this.#errorOf(error, request)
    } finally {
      answer.body.on('error', () => {})
      answer.body.destroy()
    }
  }

  async #dispatch(request: HttpRequest): Promise<HttpAnswer> {
    const { json, bytes, headers, answerTimeoutMs } = request
    const body = json === undefined ? bytes : JSON.stringify(json)
    const contentType = json === undefined ? 'application/octet-stream' : 'application/json'
    try {
      request.signal?.throwIfAborted()
      return await this.#agent.request({
        origin: this.url,
        method: request.method,
        path: request.path + queryText(request.query),
        headers: {
          accept: '*/*',
          ...(body === undefined ? {} : { 'content-type': contentType }),
          ...headers,
        },
        ...(body === undefined ? {} : { body }),
        ...(request.signal === undefined ? {} : { signal: request.signal }),
        ...(answerTimeoutMs === undefined ? {} : { headersTimeout: answerTimeoutMs }),
      })
    } catch (error) {
      throw this.#errorOf(error, request)
    }
  }

  async #readAll(answer: HttpAnswer, request: HttpRequest): Promise<Uint8Array> {
    const pieces: Uint8Array[] = []
    let size = 0
    for await (const piece of this.pieces(answer, request)) {
      size += piece.length
      if (size > API_ANSWER_BYTES_MAX) throw new LimitError(`${this.url} answered with too many bytes`)
      pieces.push(piece)
    }
    return Buffer.concat(pieces, size)
  }

  #errorOf(error: unknown, request: HttpRequest): BootswarmError {
    if (error instanceof BootswarmError) return error
    const options = { cause: error, data: { url: this.url } }
    const name = error instanceof Error ? error.name : ''
    const timedOut =
      name === 'TimeoutError' || (request.signal?.reason as Error | undefined)?.name === 'TimeoutError'
    if (request.signal?.aborted === true && !timedOut) return new AbortedError('stopped on request', options)
    return networkError(this.url, options, timedOut)
  }
}

/** Codes of undici and Node.js that mean that the other side was too slow. */
const TIMEOUT_CODES: ReadonlySet<string> = new Set([
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'ETIMEDOUT',
])

function networkError(url: string, options: ErrorOptions, timedOut: boolean): BootswarmError {
  const code = codeOf(options.cause)
  if (timedOut || TIMEOUT_CODES.has(code)) {
    return new TimeoutError(
      `${url} did not answer in time: is it overloaded, or does a firewall drop packets?`,
      options,
    )
  }
  if (/^(ERR_TLS_CERT|CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|ERR_TLS_|ERR_OSSL_|EPROTO)/.test(code)) {
    const help = 'do its name and the CA of the configuration fit, and are both certificates still valid?'
    return new CertificateError(`no acceptable TLS connection with ${url} (${code}): ${help}`, options)
  }
  return new UnreachableError(
    `${url} cannot be reached (${code || 'connection failed'}): is it running, and are host and port right?`,
    options,
  )
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return ''
  const own = (error as NodeJS.ErrnoException).code
  if (own !== undefined) return own
  if (error instanceof AggregateError) return codeOf(error.errors[0])
  return codeOf(error.cause)
}

function queryText(query: HttpRequest['query']): string {
  const parameters = new URLSearchParams()
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== undefined) parameters.set(name, String(value))
  }
  return parameters.size === 0 ? '' : `?${parameters}`
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'))
  } catch {
    return undefined
  }
}
