import { NodeClient } from '../api/node-client.ts'
import { TrackerClient } from '../api/tracker-client.ts'
import { type Identity, loadIdentity } from '../identity/identity-files.ts'
import { serverCheck } from '../identity/server-check.ts'
import { withGridPlaces } from './grid.ts'
import { loadSettings, need, type SettingFlags, type Settings } from './settings.ts'
import type { Shell } from './shell.ts'

/** The tracker as one command sees it. */
export interface TrackerSession {
  readonly client: TrackerClient
  readonly identity: Identity
  /** TLS server name of the tracker and signer of its records. */
  readonly name: string
}

/** Connects to the tracker of the settings for as long as `use` runs. */
export async function withTracker<T>(
  shell: Shell,
  flags: SettingFlags,
  use: (session: TrackerSession) => Promise<T>,
): Promise<T> {
  const settings = await withGridPlaces(shell, await loadSettings(shell, flags))
  const url = need(settings, 'tracker')
  const name = need(settings, 'trackerName')
  const identity = await identityOf(settings)
  const { certificatePem, keyPem, trust } = identity
  const client = new TrackerClient({
    ...{ url, name, certificatePem, keyPem, caPem: trust.pem },
    checkServer: serverCheck({ trust, clock: shell.clock }),
  })
  try {
    return await use({ client, identity, name })
  } finally {
    await client.close()
  }
}

function identityOf(settings: Settings): Promise<Identity> {
  return loadIdentity({
    certificate: need(settings, 'certificate'),
    key: need(settings, 'key'),
    ca: need(settings, 'ca'),
  })
}

/** Connects to the node of this machine for as long as `use` runs. */
export async function withNode<T>(
  shell: Shell,
  flags: SettingFlags,
  use: (client: NodeClient) => Promise<T>,
): Promise<T> {
  const client = new NodeClient({ socket: need(await loadSettings(shell, flags), 'socket') })
  try {
    return await use(client)
  } finally {
    await client.close()
  }
}
