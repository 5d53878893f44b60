import {
  AbortedError,
  BusyError,
  IntegrityError,
  NotFoundError,
  ProtocolError,
  TimeoutError,
  UnreachableError,
} from '../core/errors.ts'
import type { TrafficClass } from '../core/traffic-class.ts'
import type { Blocks } from '../wire/message-types.ts'
import type { RunWant } from './run-fetch.ts'
import type { SessionPeer } from './session-peer.ts'

/** Why a peer did not give what it was asked for. `wrong`: its bytes or messages; `gone`: it, or the wish; `ours`: it failed here, and the peer is not to blame. */
export type PeerFault = 'wrong' | 'busy' | 'lacks' | 'timeout' | 'gone' | 'ours'

export function faultOf(error: unknown): PeerFault {
  if (error instanceof IntegrityError || error instanceof ProtocolError) return 'wrong'
  if (error instanceof BusyError) return 'busy'
  if (error instanceof NotFoundError) return 'lacks'
  if (error instanceof TimeoutError) return 'timeout'
  return error instanceof UnreachableError || error instanceof AbortedError ? 'gone' : 'ours'
}

/** What a busy peer asks for, in milliseconds; 0 for other errors. */
export function retryMsOf(error: unknown): number {
  return error instanceof BusyError ? Number(error.data['retryMs'] ?? 0) : 0
}

/** Asks a peer for blocks of a run: by run, or by digest where it only may have them. */
export function requestBlocks(
  { connection, id }: SessionPeer,
  want: RunWant,
  how: { byDigest: boolean; class: TrafficClass },
): { request: number; answer: Promise<Blocks> } {
  if (!how.byDigest) return connection.want({ id, run: want.run, missing: want.missing, class: how.class })
  const digests = want.indices.map((i) => want.blocks.digests[i] as Uint8Array)
  return connection.wantDigests({ id, digests, class: how.class })
}
