import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { generateKeyPair, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import { systemClock } from '../../../src/core/clock.ts'
import { silentLog } from '../../../src/core/log.ts'
import { PASS_TYPE, parsePass } from '../../../src/core/pass.ts'
import { createCa, issueCertificate } from '../../../src/identity/ca.ts'
import { loadIdentity } from '../../../src/identity/identity-files.ts'
import { signJws, verifyJws } from '../../../src/identity/jws.ts'
import { PassBook } from '../../../src/identity/pass-book.ts'
import { createHost, type Libp2pHost } from '../../../src/p2p/libp2p-host.ts'
import { TlsCarrier } from '../../../src/p2p/tls-carrier.ts'

const TRACKER = 'tracker.bench'

/** A peer with both carriers. */
export interface CarrierPeer {
  readonly libp2p: Libp2pHost
  readonly tls: TlsCarrier
  stop(): Promise<void>
}

/** Writes a CA, a tracker and nodes with these names to `dir`. */
export async function writeSite(dir: string, nodes: readonly string[]): Promise<void> {
  const ca = await createCa({ commonName: 'bench' })
  await writeFile(join(dir, 'ca.pem'), ca.certificatePem)
  const kinds = [[TRACKER, 'tracker'], ...nodes.map((name) => [name, 'node'])] as [
    string,
    'tracker' | 'node',
  ][]
  for (const [commonName, kind] of kinds) {
    const pair = await issueCertificate(ca, { kind, commonName })
    await writeFile(join(dir, `${commonName}.pem`), pair.certificatePem)
    await writeFile(join(dir, `${commonName}.key`), pair.keyPem)
    await chmod(join(dir, `${commonName}.key`), 0o600)
  }
}

/** A started peer of that site, on loopback. */
export async function startCarrierPeer(dir: string, name: string): Promise<CarrierPeer> {
  const identityOf = (whose: string) => {
    const own = { certificate: join(dir, `${whose}.pem`), key: join(dir, `${whose}.key`) }
    return loadIdentity({ ...own, ca: join(dir, 'ca.pem') })
  }
  const identity = await identityOf(name)
  const { trust } = identity
  const clock = systemClock
  const verify = async (token: string) => {
    const check = { trust, typ: PASS_TYPE, nowMs: clock.now(), host: TRACKER }
    return parsePass((await verifyJws(token, check)).claims)
  }
  const admission = new PassBook({ clock, verify, graceS: () => 0 })
  const components = { log: silentLog, clock, admission }
  const privateKey = privateKeyToProtobuf(await generateKeyPair('Ed25519'))
  const libp2p = await createHost(components, { privateKey, listen: ['/ip4/127.0.0.1/tcp/0'] })
  const nowS = Math.floor(clock.now() / 1000)
  const claims = { node: name, sub: identity.principal.dn, peer: libp2p.self, labels: {} }
  const times = { iat: nowS, exp: nowS + 86_400 }
  admission.setOwn(await signJws(await identityOf(TRACKER), { ...claims, ...times }, { typ: PASS_TYPE }))
  const tls = new TlsCarrier({ ...components, host: libp2p, identity })
  await libp2p.start()
  await tls.start()
  const stop = async () => {
    await tls.stop()
    await libp2p.stop()
  }
  return { libp2p, tls, stop }
}
