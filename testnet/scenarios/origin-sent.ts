import { ProtocolError } from '../../src/core/errors.ts'
import type { Testnet } from '../handles.ts'

const COUNTER = /^bootswarm_tracker_origin_sent_bytes_total ([0-9.e+]+)$/m

/**
 * Bytes of frames and nodes that the tracker's peer has sent to nodes since it started, by its own count. Errors:
 * ProtocolError, those of TrackerClient.
 */
export async function originSentBytes(
  testnet: Pick<Testnet, 'tracker'>,
  options: { signal?: AbortSignal } = {},
): Promise<number> {
  const client = await testnet.tracker.client()
  try {
    return parseOriginSent(await client.metrics(options))
  } finally {
    await client.close()
  }
}

/** The counter in the tracker's metrics. Throws ProtocolError where it is missing. */
export function parseOriginSent(metrics: string): number {
  const value = Number(COUNTER.exec(metrics)?.[1] ?? Number.NaN)
  if (!Number.isSafeInteger(value)) throw new ProtocolError('the tracker does not say what its peer has sent')
  return value
}
