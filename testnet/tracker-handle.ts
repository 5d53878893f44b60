import { readFile } from 'node:fs/promises'
import { TrackerClient } from '../src/api/tracker-client.ts'
import { ANY_PORTS, type Link, type Place, writeTrackerConfig } from './config-files.ts'
import { type DaemonControl, type DaemonRecipe, portOfAddresses } from './daemon-control.ts'
import { daemonHandle } from './daemon-handle.ts'
import type { TrackerHandle } from './handles.ts'
import { type IdentityPaths, type Layout, TRACKER_NAME } from './layout.ts'
import { mint } from './pki.ts'

export function trackerRecipe(
  layout: Layout,
  odd: { link?: Link | undefined; place?: Place | undefined; more?: object | undefined } = {},
): DaemonRecipe {
  return {
    name: 'tracker',
    args: ['tracker', 'serve', '--config', layout.config('tracker')],
    logPath: layout.log('tracker'),
    ...(odd.place === undefined ? {} : { start: odd.place.start }),
    async configure(before) {
      if (before === undefined) return await writeTrackerConfig(layout, { ports: ANY_PORTS, ...odd })
      const http = Number(new URL(String(before['url'])).port)
      const ports = { http, p2p: portOfAddresses(before['addresses']) }
      await writeTrackerConfig(layout, { ports, ...odd })
    },
  }
}

export function trackerHandle(control: DaemonControl, init: { url: string; layout: Layout }): TrackerHandle {
  const clientOf = async ({ certificate, key, ca }: IdentityPaths) => {
    const texts = await Promise.all([certificate, key, ca].map((path) => readFile(path, 'utf8')))
    const [certificatePem = '', keyPem = '', caPem = ''] = texts
    return new TrackerClient({ url: init.url, name: TRACKER_NAME, certificatePem, keyPem, caPem })
  }
  return {
    ...daemonHandle(control),
    // A spread would read these once: they change with a restart.
    get pid() {
      return control.process.pid
    },
    get peer() {
      return control.peer
    },
    url: init.url,
    serverName: TRACKER_NAME,
    client: () => clientOf(init.layout.identity('publisher')),
    clientAs: async (kind, commonName) => clientOf(await mint(init.layout, { kind, commonName })),
  }
}
