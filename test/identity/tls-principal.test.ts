import { constants, type X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, createServer, type Server, type TLSSocket } from 'node:tls'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { CertificateError } from '../../src/core/errors.ts'
import type { Identity } from '../../src/identity/identity-files.ts'
import { judgeSocket } from '../../src/identity/path-validation.ts'
import { Trust } from '../../src/identity/trust.ts'
import { CA, LEAF, OpensslTree } from '../fixtures/openssl.ts'
import { missingPrograms, testsThatNeed } from '../fixtures/programs.ts'
import { Site } from '../fixtures/site.ts'

const test = suite('principal of a TLS socket')

let site: Site
let server: Server
let tracker: Identity
let node: Identity
/** What the server said of the last client. */
let seen: { dn?: string; error?: unknown; reused: boolean }
let trust: Trust

test.before(async () => {
  site = await Site.create()
  tracker = await site.issue({ kind: 'tracker', commonName: 'tracker.testnet' })
  node = await site.issue({ kind: 'node', commonName: 'node-1' })
  trust = site.trust
  server = createServer({
    cert: tracker.certificatePem,
    key: tracker.keyPem,
    ca: site.trust.pem,
    requestCert: true,
    rejectUnauthorized: false,
    secureOptions: constants.SSL_OP_NO_TICKET,
  })
  server.on('secureConnection', (socket) => {
    socket.on('error', () => {})
    seen = { reused: socket.isSessionReused() }
    try {
      seen.dn = judgeSocket(socket, { trust, nowMs: Date.now() }).principal.dn
    } catch (error) {
      seen.error = error
    }
    socket.end('seen')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
})
test.before.each(() => {
  trust = site.trust
})
test.after(async () => {
  server.close()
  await once(server, 'close')
})

interface Client {
  cert?: string
  key?: string
  session?: Buffer | undefined
  maxVersion?: 'TLSv1.2'
}

/** Connects, waits for the server's verdict and returns the session for another try. */
async function visit(client: Client): Promise<Buffer | undefined> {
  const { port } = server.address() as AddressInfo
  const socket: TLSSocket = connect({
    host: '127.0.0.1',
    port,
    servername: 'tracker.testnet',
    ca: site.trust.pem,
    ...client,
  })
  let session: Buffer | undefined
  socket.on('session', (ticket) => {
    session = ticket
  })
  socket.resume()
  await once(socket, 'close')
  return session ?? undefined
}

function refusedFor(reason: string): void {
  assert.instance(seen.error, CertificateError)
  const error = seen.error as CertificateError
  assert.is(error.data['reason'], reason, error.message)
}

const own = (identity: Identity) => ({ cert: identity.certificatePem, key: identity.keyPem })

test('names the client that shows a certificate of the site', async () => {
  for (const version of [{}, { maxVersion: 'TLSv1.2' }] as const) {
    await visit({ ...own(node), ...version })
    assert.is(seen.dn, '/O=Example/OU=nodes/CN=node-1')
  }
})

test('refuses a client without a certificate', async () => {
  await visit({})
  refusedFor('no-certificate')
})

test('refuses a client of another site, also when its CA has the same name', async () => {
  const other = await Site.create('Other')
  await visit(own(await other.issue({ kind: 'node', commonName: 'node-1' })))
  refusedFor('not-trusted')
  const same = await Site.create()
  await visit(own(await same.issue({ kind: 'node', commonName: 'node-1' })))
  refusedFor('bad-signature')
})

test('resumes no session, and still names the client', async () => {
  for (const version of [{}, { maxVersion: 'TLSv1.2' }] as const) {
    const session = await visit({ ...own(node), ...version })
    await visit({ ...own(node), ...version, session })
    assert.is(seen.reused, false)
    assert.is(seen.dn, '/O=Example/OU=nodes/CN=node-1')
  }
})

test('does not let what it remembers outlive the certificate or the trust', () => {
  const socket = { getPeerX509Certificate: () => node.chain[0] }
  const ask = (init: { nowMs?: number; trust?: Trust }) =>
    judgeSocket(socket, { trust: site.trust, nowMs: Date.now(), ...init }).principal
  assert.is(ask({}), ask({}))
  assert.throws(() => ask({ nowMs: node.principal.notAfterMs + 61_000 }), /expired/)
  assert.is(ask({ trust: Trust.fromPem(site.ca.certificatePem) }).dn, ask({}).dn)
})

test('ends on chains that run in circles', () => {
  const circle = { fingerprint256: 'a' } as unknown as { issuerCertificate?: X509Certificate; raw: Buffer }
  circle.issuerCertificate = circle as unknown as X509Certificate
  circle.raw = Buffer.from('3000', 'hex')
  const socket = { getPeerX509Certificate: () => circle as unknown as X509Certificate }
  assert.throws(
    () => judgeSocket(socket, { trust: site.trust, nowMs: Date.now() }),
    (error: unknown) => error instanceof CertificateError,
  )
})

const withOpenssl = testsThatNeed(test, missingPrograms('openssl'))

const tree = new OpensslTree()
test.after(() => tree.remove())

withOpenssl('follows intermediates that the client sends, and refuses when they are missing', async () => {
  tree.make({ name: 'root', issuer: 'root', extensions: CA })
  tree.make({ name: 'middle', issuer: 'root', extensions: CA })
  tree.make({ name: 'leaf', issuer: 'middle' })
  trust = Trust.fromPem(tree.pem('root'))
  const key = tree.run(['pkey', '-in', tree.key('leaf')])
  await visit({ cert: tree.pem('leaf', 'middle'), key })
  assert.is(seen.dn, '/O=Example/CN=leaf')
  await visit({ cert: tree.pem('leaf', 'middle', 'root'), key })
  assert.is(seen.dn, '/O=Example/CN=leaf')
  await visit({ cert: tree.pem('leaf'), key })
  refusedFor('not-trusted')
})

withOpenssl(
  'refuses self-signed clients, server-only ones and authorities that certify each other',
  async () => {
    const server = LEAF.map((line) => line.replace('clientAuth,', ''))
    tree.make({ name: 'self', issuer: 'self' })
    tree.make({ name: 'server', issuer: 'root', extensions: server })
    tree.make({ name: 'a', issuer: 'a', extensions: CA })
    tree.make({ name: 'b', issuer: 'b', extensions: CA })
    tree.make({ name: 'aByB', subject: '/O=Example/CN=a', issuer: 'b', extensions: CA })
    tree.make({ name: 'bByA', subject: '/O=Example/CN=b', issuer: 'a', extensions: CA })
    tree.make({ name: 'looped', issuer: 'a' })
    trust = Trust.fromPem(tree.pem('root'))
    const show = (name: string, ...more: string[]) =>
      visit({ cert: tree.pem(name, ...more), key: tree.run(['pkey', '-in', tree.key(name)]) })
    await show('self')
    refusedFor('not-trusted')
    await show('server')
    refusedFor('extended-key-usage')
    await show('looped', 'a')
    refusedFor('not-trusted')
    await show('looped', 'aByB', 'bByA')
    assert.instance(seen.error, CertificateError)
  },
)

test.run()
