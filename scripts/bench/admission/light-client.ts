import { Agent, request } from 'node:https'
import { createSecureContext } from 'node:tls'
import { BootswarmError, errorFromCode, UnreachableError } from '../../../src/core/errors.ts'
import { TRACKER_NAME } from '../../../testnet/layout.ts'
import type { CrowdNode } from './crowd.ts'

/**
 * As much of a client of the tracker as one process can have a thousand of: keys are parsed before time counts, answers are not
 * checked against their schemas, and nothing is given up. A connection of its own, as every node has.
 */
export class LightClient {
  readonly #agent: Agent
  readonly #url: string

  constructor(init: { url: string; caPem: string; node: CrowdNode }) {
    const { certificatePem: cert, keyPem: key } = init.node
    const secureContext = createSecureContext({ cert, key, ca: init.caPem })
    this.#agent = new Agent({ keepAlive: true, maxSockets: 1, secureContext, servername: TRACKER_NAME })
    this.#url = init.url
  }

  /** Errors: what the tracker says, UnreachableError. */
  async post<Answer>(path: string, body: unknown): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>()
    const headers = { 'content-type': 'application/json' }
    const sent = request(
      new URL(path, this.#url),
      { method: 'POST', agent: this.#agent, headers },
      (answer) => {
        let text = ''
        answer.setEncoding('utf8').on('data', (piece: string) => {
          text += piece
        })
        answer.on('end', () => {
          try {
            const value = JSON.parse(text) as Answer & { code?: string; detail?: string }
            if ((answer.statusCode ?? 500) < 300) resolve(value)
            else reject(errorFromCode(value.code ?? '', value.detail ?? ''))
          } catch (cause) {
            reject(new UnreachableError('the answer broke off', { cause }))
          }
        })
      },
    )
    sent.on('error', (cause) =>
      reject(cause instanceof BootswarmError ? cause : new UnreachableError(cause.message, { cause })),
    )
    sent.end(JSON.stringify(body))
    return await promise
  }

  close(): void {
    this.#agent.destroy()
  }
}
