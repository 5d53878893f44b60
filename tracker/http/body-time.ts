import type { IncomingMessage } from 'node:http'
import type { Clock } from '../../src/core/clock.ts'
import {
  REFUSED_BODY_BYTES_MAX,
  REFUSED_BODY_MS,
  TRACKER_HEAD_TIMEOUT_MS,
  TRACKER_REQUEST_TIMEOUT_MS,
} from '../../src/core/registry-limits.ts'
import type { App } from './app-type.ts'

/**
 * Bounds the time of requests: TRACKER_HEAD_TIMEOUT_MS for the head, TRACKER_REQUEST_TIMEOUT_MS for the body. Node.js has one bound for all
 * requests of a server, so its own is off: an image may come for hours, and its route looks that it moves.
 */
export function boundBodies(app: App, { clock }: { clock: Clock }): void {
  app.server.requestTimeout = 0
  app.server.headersTimeout = TRACKER_HEAD_TIMEOUT_MS
  app.addHook('onRequest', async ({ raw, routeOptions }) => {
    if (!hasBody(raw) || routeOptions.config.readsBody === true) return
    const cancel = clock.after(TRACKER_REQUEST_TIMEOUT_MS, () => raw.socket.destroy())
    raw.once('close', cancel)
  })
}

/**
 * For a refused request whose body may still come: Node.js drops it, which lets a client see the answer that sends before it
 * reads. When that is more than REFUSED_BODY_BYTES_MAX, or takes longer than REFUSED_BODY_MS, the connection is closed.
 */
export function boundRest({ clock }: { clock: Clock }, request: IncomingMessage): void {
  if (!hasBody(request) || request.complete || request.destroyed) return
  const close = () => request.socket.destroy()
  let bytes = 0
  const cancel = clock.after(REFUSED_BODY_MS, close)
  for (const event of ['end', 'close']) request.once(event, cancel)
  request.on('error', () => {})
  request.on('data', (piece: Buffer) => {
    bytes += piece.length
    if (bytes > REFUSED_BODY_BYTES_MAX) close()
  })
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}
