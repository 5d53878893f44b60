import { TrackerClient } from '../src/api/tracker-client.ts'
import type { Clock } from '../src/core/clock.ts'
import type { Identity } from '../src/identity/identity-files.ts'
import { livePems } from '../src/identity/live-identity.ts'
import { serverCheck } from '../src/identity/server-check.ts'
import type { NodeConfig } from './config.ts'

/** A client of the tracker with the node's own certificate. The caller closes it. */
export function trackerClient(
  { identity, clock }: { identity: Identity; clock: Clock },
  config: Pick<NodeConfig, 'tracker'>,
): TrackerClient {
  const checkServer = serverCheck({ trust: identity.trust, clock })
  return new TrackerClient({ ...config.tracker, ...livePems(identity), checkServer })
}
