import type { IncomingMessage, ServerResponse } from 'node:http'
import type { App } from './app-type.ts'

/** Requests whose clients keep the body back until they are told to go on, and how to tell them. */
const waiting = new WeakMap<IncomingMessage, ServerResponse>()

/**
 * Answers `Expect: 100-continue` (RFC 9110 section 10.1.1) when somebody begins to read the body, and not before: who is
 * refused does not send a disk image in vain. A refused client may or may not send the body after all, so that
 * its connection ends with the answer.
 */
export function addContinue(app: App): void {
  app.server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    waiting.set(request, response)
    app.server.emit('request', request, response)
  })
  app.addHook('onSend', async ({ raw }, reply, payload) => {
    if (waiting.delete(raw)) reply.header('connection', 'close')
    return payload
  })
}

/** Tells a client that waits to send its body. */
export function continueBody(request: IncomingMessage): void {
  waiting.get(request)?.writeContinue()
  waiting.delete(request)
}
