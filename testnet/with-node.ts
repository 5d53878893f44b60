import type { NodeClient } from '../src/api/node-client.ts'
import { AbortedError, StateError } from '../src/core/errors.ts'
import { logTail } from './daemon.ts'
import type { NodeHandle } from './handles.ts'

/** Runs `work` with a client of the node. Throws StateError that names the node and shows the end of its log, with the failure as its cause. */
export async function withNode<T>(node: NodeHandle, work: (client: NodeClient) => Promise<T>): Promise<T> {
  const client = node.client()
  try {
    return await work(client)
  } catch (cause) {
    if (cause instanceof AbortedError) throw cause
    const message = cause instanceof Error ? cause.message : String(cause)
    throw new StateError(`${node.name}: ${message}${logTail(node.logPath)}`, { cause })
  } finally {
    await client.close()
  }
}
