import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { CertificateError } from '../../src/core/errors.ts'
import type { CertificateAndKey } from '../../src/identity/ca.ts'
import { signJws, verifyStatement } from '../../src/identity/jws.ts'
import { LiveIdentity, livePems } from '../../src/identity/live-identity.ts'
import { withScratch } from '../fixtures/scratch.ts'
import { Site } from '../fixtures/site.ts'

const test = suite('live identity')
let site: Site
test.before(async () => {
  site = await Site.create()
})

interface Files {
  readonly certificate: string
  readonly key: string
  readonly ca: string
}

const issue = (commonName = 'node-1') => site.issue({ kind: 'node', commonName })

async function write(files: Files, pair: CertificateAndKey): Promise<void> {
  await writeFile(files.certificate, pair.certificatePem)
  await writeFile(files.key, pair.keyPem, { mode: 0o600 })
}

/** An identity from files in a folder that goes away. */
const living = (task: (files: Files, identity: LiveIdentity) => Promise<void>) => () =>
  withScratch(async (dir) => {
    const files = { certificate: join(dir, 'x.pem'), key: join(dir, 'x.key'), ca: join(dir, 'ca.pem') }
    await writeFile(files.ca, site.ca.certificatePem)
    await write(files, await issue())
    await task(files, await LiveIdentity.load(files))
  })

async function refused(promise: Promise<unknown>, pattern: RegExp): Promise<void> {
  await promise.then(
    () => assert.unreachable(),
    (error) => {
      assert.instance(error, CertificateError)
      assert.match(error.message, pattern)
    },
  )
}

test(
  'takes a renewed certificate and key from the same files, and signs with them',
  living(async (files, identity) => {
    const pems = livePems(identity)
    const typ = 'bootswarm-test+jwt'
    const { fingerprint256 } = identity.principal
    assert.is(await identity.refresh(), false)
    await signJws(identity, {}, { typ })
    const renewed = await issue()
    await write(files, renewed)
    assert.is(await identity.refresh(), true)
    assert.is.not(identity.principal.fingerprint256, fingerprint256)
    assert.equal([pems.certificatePem(), pems.keyPem()], [renewed.certificatePem, renewed.keyPem])
    const { trust } = identity
    const { principal } = await verifyStatement(await signJws(identity, {}, { typ }), {
      trust,
      typ,
      nowMs: Date.now(),
    })
    assert.is(principal.fingerprint256, renewed.principal.fingerprint256)
    assert.is(await identity.refresh(), false)
    assert.is(await identity.refresh({ evenIfUnchanged: true }), true)
  }),
)

test(
  'keeps what it has while the files do not fit together',
  living(async (files, identity) => {
    const before = identity.certificatePem
    const renewed = await issue()
    await writeFile(files.certificate, renewed.certificatePem)
    await refused(identity.refresh(), /does not belong to the certificate/)
    assert.is(identity.certificatePem, before)
    await rm(files.certificate)
    await refused(identity.refresh(), /does not exist/)
    await write(files, renewed)
    assert.is(await identity.refresh(), true)
    assert.is(identity.certificatePem, renewed.certificatePem)
  }),
)

test(
  'does not become somebody else',
  living(async (files, identity) => {
    await write(files, await issue('node-2'))
    await refused(identity.refresh(), /is now for .*CN=node-2 and not for .*CN=node-1; restart/)
    assert.is(identity.principal.commonName, 'node-1')
  }),
)

test(
  'reads authorities again too',
  living(async (files, identity) => {
    const other = await Site.create('Other')
    await writeFile(files.ca, site.ca.certificatePem + other.ca.certificatePem)
    assert.is(await identity.refresh(), true)
    assert.is(livePems(identity).caPem().match(/BEGIN/g)?.length, 2)
  }),
)

test.run()
