import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { NodeEnrolment } from '../src/api/node-schemas.ts'
import { systemClock } from '../src/core/clock.ts'
import { type Log, silentLog } from '../src/core/log.ts'
import { loadIdentity } from '../src/identity/identity-files.ts'
import { PassBook } from '../src/identity/pass-book.ts'
import { loadOrCreatePeerKey } from '../src/identity/peer-key.ts'
import { peerOfKey } from '../src/identity/peer-proof.ts'
import type { NodeConfig } from './config.ts'
import { Enrolment } from './enrolment.ts'
import { trackerClient } from './tracker-client.ts'
import { TrackerLink } from './tracker-link.ts'

/**
 * Enrols the node of a configuration without running it: makes its peer key where there is none, and keeps its pass where
 * the daemon finds it. What the tracker says is in the answer. Errors: CertificateError.
 */
export async function enrolOnce(
  config: NodeConfig,
  { log = silentLog }: { log?: Log } = {},
): Promise<NodeEnrolment> {
  const clock = systemClock
  const identity = await loadIdentity({ ...config.identity, purpose: 'client' })
  await mkdir(config.dataDir, { recursive: true, mode: 0o750 })
  const peerKey = await loadOrCreatePeerKey(join(config.dataDir, 'peer.key'))
  const client = trackerClient({ identity, clock }, config)
  const self = peerOfKey(peerKey)
  const nothing = { enrolled: async () => {}, addresses: () => [], renewed: () => {}, met: () => {} }
  const link = new TrackerLink(
    { client, clock, trust: identity.trust },
    { name: config.tracker.name, self, graceSeconds: 0, ...nothing },
  )
  const passes = new PassBook({ clock, verify: (token) => link.pass(token), graceS: () => 0 })
  const enrolment = new Enrolment(
    { client, link, passes, clock, log, refused: () => {} },
    {
      ...{ dn: identity.principal.dn, self, peerKey, labels: config.labels },
      ...{ tracker: config.tracker.name, path: passPath(config) },
    },
  )
  try {
    return await enrolment.now()
  } finally {
    await enrolment.stop()
    await client.close()
  }
}

/** Where a node keeps its last pass. */
export function passPath({ dataDir }: Pick<NodeConfig, 'dataDir'>): string {
  return join(dataDir, 'pass.jwt')
}
