/** A node that keeps to no rule: `hostile-peer.ts JSON` (`HostileInit`). Says "ready" when it is in the swarm; ends when it is killed. */
import { readFile } from 'node:fs/promises'
import type { JoinAnswer } from '../../src/api/swarm-schemas.ts'
import { TrackerClient } from '../../src/api/tracker-client.ts'
import { Bitmap } from '../../src/core/bitmap.ts'
import { parseManifestId } from '../../src/core/cid.ts'
import { systemClock } from '../../src/core/clock.ts'
import { ManifestError, UnsupportedError } from '../../src/core/errors.ts'
import type { FrameVerifier } from '../../src/core/frame.ts'
import { parseGrant } from '../../src/core/grant.ts'
import { silentLog } from '../../src/core/log.ts'
import { decodeManifest, runCount } from '../../src/core/manifest.ts'
import { Exchange } from '../../src/exchange/exchange.ts'
import { loadIdentity } from '../../src/identity/identity-files.ts'
import { importImage } from '../../src/image/import.ts'
import { openSource } from '../../src/image/source.ts'
import { createHost } from '../../src/p2p/libp2p-host.ts'
import { TlsCarrier } from '../../src/p2p/tls-carrier.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import type { HostileInit } from './behaviours.ts'
import { careless } from './careless.ts'
import { type Enrolled, enrolByHand } from './enrol.ts'
import { flood } from './flood.ts'
import { lyingStore } from './lying-store.ts'

/** It fetches nothing. */
const noVerifier: FrameVerifier = { verifyRun: () => Promise.reject(new UnsupportedError('fetching')) }

const init = JSON.parse(process.argv[2] ?? '') as HostileInit
const client = await trackerClient(init)
const enrolled = await enrolByHand(client, { dn: init.dn, tracker: init.tracker.name })
const carrier = await startCarrier(init, enrolled)
const place = { peer: enrolled.peer, addresses: [init.announce] }
const joined = await client.join({ reference: init.reference, ...place })
if (init.behaviour === 'request-flood') {
  const ask = () => client.join({ reference: init.reference, ...place })
  void flood({ carrier, pass: enrolled.pass }, { joined, ask })
} else await claimAll(joined)
process.stdout.write('ready\n')

async function trackerClient({ tracker, identity }: HostileInit): Promise<TrackerClient> {
  const { certificate, key, ca } = identity
  const texts = await Promise.all([certificate, key, ca].map((path) => readFile(path, 'utf8')))
  const [certificatePem = '', keyPem = '', caPem = ''] = texts
  return new TrackerClient({ ...tracker, certificatePem, keyPem, caPem })
}

async function startCarrier(
  { listen, announce, identity }: HostileInit,
  { privateKey, pass }: Enrolled,
): Promise<TlsCarrier> {
  const components = { log: silentLog, admission: careless(pass) }
  const host = await createHost(components, { listen: [listen], announce: [announce], privateKey })
  await host.start()
  const files = await loadIdentity(identity)
  const started = new TlsCarrier({ ...components, host, identity: files, clock: systemClock })
  await started.start()
  return started
}

/** Serves the swarm, and says at once that it holds everything. */
async function claimAll({ manifest: id }: JoinAnswer): Promise<void> {
  const blocks = new MemoryStore()
  const { manifestId } = await importImage({ sink: blocks }, { source: await openSource(init.file) })
  const [root] = await blocks.get([parseManifestId(manifestId)])
  if (root === undefined || manifestId !== id) throw new ManifestError('the image is not that of the swarm')
  const manifest = decodeManifest(root.bytes)
  const isEmpty = init.behaviour === 'lying-bitmap'
  const exchange = new Exchange(
    {
      ...{ carrier, blocks: isEmpty ? new MemoryStore() : lyingStore(blocks), nodes: blocks },
      ...{ clock: systemClock, log: silentLog, random: Math.random, graceS: () => 0 },
      ...{ verifier: noVerifier, admission: careless(enrolled.pass) },
      verifyGrant: async (token) =>
        parseGrant(JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())),
    },
    { origin: false, agent: 'hostile' },
  )
  await exchange.start()
  const runs = runCount(manifest)
  exchange.addSwarm(id, manifest, Bitmap.full(runs))
  await client.announce({ ...place, swarms: [{ manifest: id, runs }] })
}
