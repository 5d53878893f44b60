import { parentPort, type Transferable } from 'node:worker_threads'
import { BootswarmError, InternalError } from '../core/errors.ts'
import type { WorkerAnswer, WorkerRequest } from './worker-messages.ts'

/** What a handler returns: the answer and the buffers to move instead of copying them. */
export interface Handled<Answer> {
  readonly answer: Answer
  readonly transfer?: readonly Transferable[]
}

/**
 * Makes this thread answer the requests of the WorkerPool that started it. One at a time when `handler` is synchronous.
 * Throws InternalError outside of a worker.
 */
export function serveWorker<Request, Answer>(
  handler: (request: Request) => Handled<Answer> | Promise<Handled<Answer>>,
): void {
  const port = parentPort
  if (port === null) throw new InternalError('not in a worker')
  port.on('message', async ({ id, request }: WorkerRequest) => {
    try {
      const { answer, transfer } = await handler(request as Request)
      port.postMessage({ id, answer } satisfies WorkerAnswer, transfer ?? [])
    } catch (error) {
      port.postMessage({ id, error: describe(error) } satisfies WorkerAnswer)
    }
  })
}

function describe(error: unknown): { code: string; message: string; data: Record<string, unknown> } {
  if (error instanceof BootswarmError) return { code: error.code, message: error.message, data: error.data }
  return { code: 'E_INTERNAL', message: `a worker threw: ${String(error)}`, data: {} }
}
