import type { Finding } from '../../src/api/finding.ts'
import type { NodeStatus } from '../../src/api/node-schemas.ts'
import type { Clock } from '../../src/core/clock.ts'
import type { NodeConfig } from '../config.ts'

/** What every check gets. */
export interface Examination {
  readonly config: NodeConfig
  readonly clock: Clock
  /** Ends what a check does when its time is over. */
  readonly signal: AbortSignal
  /** What the daemon says of itself; undefined when it does not answer. */
  readonly status: Promise<NodeStatus | undefined>
}

/** Never throws; what it throws all the same is a failure of the check. */
export type Check = (examination: Examination) => Promise<Finding>

export function ok(check: string, found: string): Finding {
  return { check, state: 'ok', found }
}

export function warning(check: string, found: string, advice: string): Finding {
  return { check, state: 'warning', found, advice }
}

export function failure(check: string, found: string, advice: string): Finding {
  return { check, state: 'failure', found, advice }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
