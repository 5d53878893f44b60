import { Agent, request } from 'node:https'
import type { FuzzRequest } from './requests.ts'

/** Who asks: a certificate and its key, or nobody. */
export interface Caller {
  readonly name: string
  readonly certificatePem?: string
  readonly keyPem?: string
}

export interface Target {
  readonly url: string
  /** Name in the server's certificate. */
  readonly serverName: string
  readonly caPem: string
}

export interface FuzzAnswer {
  readonly status: number
  readonly type: string
  readonly body: Buffer
}

/** Time for an answer; nothing here has so much to do. */
const ANSWER_TIMEOUT_MS = 15_000

/** One client over connections that are kept. */
export class FuzzCaller {
  readonly name: string
  readonly #target: Target
  readonly #agent: Agent

  constructor(target: Target, caller: Caller) {
    const { certificatePem: cert, keyPem: key } = caller
    const own = cert === undefined || key === undefined ? {} : { cert, key }
    this.name = caller.name
    this.#target = target
    this.#agent = new Agent({ ca: target.caPem, servername: target.serverName, keepAlive: true, ...own })
  }

  close(): void {
    this.#agent.destroy()
  }

  /** Undefined when the request was cut off, and so has no answer. Throws what the connection throws. */
  async send(one: Omit<FuzzRequest, 'route'>): Promise<FuzzAnswer | undefined> {
    const { hostname, port } = new URL(this.#target.url)
    const { promise, resolve, reject } = Promise.withResolvers<FuzzAnswer | undefined>()
    const { method, path, body, cutAt } = one
    const headers = headersOf(one)
    const sent = request({ agent: this.#agent, hostname, port, method, path, headers }, (response) => {
      const pieces: Buffer[] = []
      response.on('data', (piece: Buffer) => pieces.push(piece))
      response.on('error', reject)
      response.on('end', () => {
        const type = response.headers['content-type'] ?? ''
        resolve({ status: response.statusCode ?? 0, type, body: Buffer.concat(pieces) })
      })
    })
    sent.setTimeout(ANSWER_TIMEOUT_MS, () => sent.destroy(new RangeError('no answer in time')))
    sent.on('error', (error) => (cutAt === undefined ? reject(error) : resolve(undefined)))
    if (cutAt === undefined) sent.end(body)
    else sent.write(body?.subarray(0, cutAt) ?? '', () => sent.destroy(new RangeError('cut off')))
    return await promise
  }
}

/** Several fields of one name as a list, with the length that the body has. */
function headersOf({
  headers,
  body,
}: Pick<FuzzRequest, 'headers' | 'body'>): Record<string, string[] | string> {
  const all: Record<string, string[]> = {}
  for (const [name, value] of headers) all[name] = [...(all[name] ?? []), value]
  const single = Object.entries(all).map(([name, values]) => [name, values.length === 1 ? values[0] : values])
  const length = body === undefined ? {} : { 'content-length': `${body.length}` }
  return { ...Object.fromEntries(single), ...length }
}
