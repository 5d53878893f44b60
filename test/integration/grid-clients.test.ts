// deadline: 240 s
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { TrackerClient } from '../../src/api/tracker-client.ts'
import { systemClock } from '../../src/core/clock.ts'
import { CertificateError } from '../../src/core/errors.ts'
import { type Identity, loadIdentity } from '../../src/identity/identity-files.ts'
import { readCertificate } from '../../src/identity/pem.ts'
import { serverCheck } from '../../src/identity/server-check.ts'
import { GRID_USER, GridSite, type Ran } from '../fixtures/grid-site.ts'
import { missingPrograms, testsThatNeed } from '../fixtures/programs.ts'

/** The programs that people of grids have: what they make is what must work here. */
const test = suite('clients of grids')
const lack = missingPrograms('openssl', 'grid-proxy-init', 'curl')
const withGlobus = testsThatNeed(test, lack)
const withWget = testsThatNeed(test, lack ?? missingPrograms('wget'))
const withVoms = testsThatNeed(test, lack ?? missingPrograms('voms-proxy-fake', 'voms-proxy-info'))

let site: GridSite
let url: string

test.before(async () => {
  if (lack !== undefined) return
  site = new GridSite()
  url = await site.start()
})
test.after(async () => {
  await site?.remove()
})

const load = (path: string): Promise<Identity> =>
  loadIdentity({
    certificate: path,
    key: path,
    ca: site.certificates.dir,
    purpose: 'client',
    crlRequired: true,
  })

async function reasonOf(path: string): Promise<unknown> {
  try {
    await load(path)
  } catch (error) {
    assert.instance(error, CertificateError, String(error))
    return (error as CertificateError).data['reason']
  }
  return 'accepted'
}

function curl(path: string, ...more: readonly string[]): Promise<Ran> {
  const tls = ['--cert', path, '--key', path, '--capath', site.certificates.dir]
  return site.run('curl', '--silent', '--show-error', ...tls, ...more, `${url}/api/whoami`)
}

/** The name that the tracker sees behind this file. */
async function whoami(path: string): Promise<string> {
  const { code, stdout, stderr } = await curl(path)
  assert.is(code, 0, stderr)
  const answer = JSON.parse(stdout)
  return answer.client_dn ?? answer.dn ?? answer.detail
}

withGlobus('proxies of every kind that Globus makes are their user', async () => {
  for (const [kind, limited] of [
    [[], false],
    [['-rfc'], false],
    [['-rfc', '-path-length', '0'], false],
    [['-limited'], true],
    [['-old'], false],
    [['-old', '-limited'], true],
    [['-draft'], false],
    [['-draft', '-limited'], true],
    [['-draft', '-path-length', '3'], false],
  ] as const) {
    const path = await site.proxy(`x509up${kind.join('')}`, ...kind)
    assert.is(await whoami(path), GRID_USER, kind.join(' '))
    const { principal } = await load(path)
    assert.equal(
      [principal.dn, principal.proxyDepth, principal.limited],
      [GRID_USER, 1, limited],
      kind.join(' '),
    )
  }
})

withGlobus('proxies of proxies are their user, as long as the path length allows', async () => {
  for (const kind of ['-rfc', '-old', '-draft']) {
    const first = await site.proxy(`first${kind}`, kind)
    const second = await site.proxyOf({ certificate: first, key: first }, `second${kind}`, kind)
    const third = await site.proxyOf({ certificate: second, key: second }, `third${kind}`, kind, '-limited')
    assert.is(await whoami(third), GRID_USER)
    assert.equal([(await load(third)).principal.proxyDepth, (await load(third)).principal.limited], [3, true])
  }
  const bounded = await site.proxy('bounded', '-rfc', '-path-length', '1')
  const below = await site.proxyOf({ certificate: bounded, key: bounded }, 'below', '-rfc')
  assert.is(await whoami(below), GRID_USER)
})

withGlobus('independent proxies, restricted ones and short keys are nobody', async () => {
  assert.is(await reasonOf(await site.proxy('independent', '-independent')), 'proxy-policy')
  assert.match(await whoami(site.tree.path('independent')), 'independent proxy')
  assert.is(await reasonOf(await site.proxy('short', '-bits', '1024')), 'weak-key')
})

withGlobus('our client talks to the tracker with a proxy', async () => {
  const { certificatePem, keyPem, trust } = await load(await site.proxy('ours', '-rfc'))
  const checkServer = serverCheck({ trust, clock: systemClock })
  const client = new TrackerClient({ url, certificatePem, keyPem, caPem: trust.pem, checkServer })
  assert.is((await client.whoami()).dn, GRID_USER)
  await client.close()
})

withGlobus('a proxy without its chain, and the key of another, come to nothing', async () => {
  const path = await site.proxy('whole', '-rfc')
  const bare = site.tree.path('bare')
  site.tree.run(['x509', '-in', path, '-out', bare])
  const { stdout } = (await site.run(
    ...[
      'curl',
      '--silent',
      '--capath',
      site.certificates.dir,
      '--cert',
      bare,
      '--key',
      path,
      `${url}/api/whoami`,
    ],
  )) as Ran
  assert.match(stdout, 'its issuer is neither in the chain nor in the CA file')
  assert.is.not(
    (await site.run('curl', '--silent', '--cert', path, '--key', site.tree.key('alice'), url)).code,
    0,
  )
})

withWget('wget comes with a proxy too', async () => {
  for (const kind of ['-rfc', '-old']) {
    const path = await site.proxy(`wget${kind}`, kind)
    const files = [
      `--certificate=${path}`,
      `--private-key=${path}`,
      `--ca-directory=${site.certificates.dir}`,
    ]
    const { code, stdout, stderr } = await site.run('wget', '-q', '-O', '-', ...files, `${url}/api/whoami`)
    assert.is(code, 0, stderr)
    assert.match(stdout, GRID_USER)
  }
})

withVoms('a proxy with attributes of VOMS is its user, and the attributes mean nothing', async () => {
  const { tree } = site
  const out = tree.path('voms')
  const files = ['-cert', tree.certificate('alice'), '-key', tree.key('alice'), '-out', out]
  const host = [
    '-hostcert',
    tree.certificate('host'),
    '-hostkey',
    tree.key('host'),
    '-uri',
    'localhost:15000',
  ]
  const fqan = ['-voms', 'testvo', '-fqan', '/testvo/Role=admin/Capability=NULL', '-newformat']
  for (const kind of [['-rfc'], ['-proxyver', '2'], ['-rfc', '-limited']]) {
    const made = await site.run(
      'voms-proxy-fake',
      ...files,
      ...host,
      ...fqan,
      '-hours',
      '1',
      '-bits',
      '2048',
      ...kind,
    )
    assert.is(made.code, 0, made.stderr + made.stdout)
    const info = await site.run('voms-proxy-info', '-file', out, '-all')
    assert.match(info.stdout, `identity  : ${GRID_USER}`)
    assert.match(info.stdout, 'attribute : /testvo/Role=admin/Capability=NULL')
    assert.is(await whoami(out), GRID_USER)
    assert.is((await load(out)).principal.limited, kind.includes('-limited'))
  }
})

withVoms('a proxy that has ended says so', async () => {
  const { tree } = site
  const out = tree.path('ended')
  const files = ['-cert', tree.certificate('alice'), '-key', tree.key('alice'), '-out', out, '-rfc']
  const times = ['-pastproxy', '5:00', '-hours', '1', '-bits', '2048']
  assert.is((await site.run('voms-proxy-fake', ...files, ...times)).code, 0)
  assert.is(await reasonOf(out), 'expired')
  assert.match(await whoami(out), 'make a new proxy')
})

withGlobus('no session is resumed, so that every connection shows its chain', async () => {
  const path = await site.proxy('sessions', '-rfc')
  const session = site.tree.path('session')
  const base = [
    's_client',
    '-connect',
    `127.0.0.1:${new URL(url).port}`,
    '-cert',
    path,
    '-key',
    path,
    '-cert_chain',
    path,
  ]
  for (const version of ['-tls1_2', '-tls1_3']) {
    const again = await site.run('openssl', ...base, version, '-reconnect')
    assert.match(again.stdout, /^New, TLSv1/m)
    assert.not.match(again.stdout, /^Reused, /m)
    await site.run('openssl', ...base, version, '-sess_out', session)
    const resumed = await site.run('openssl', ...base, version, '-sess_in', session)
    assert.not.match(resumed.stdout, /^Reused, /m)
  }
})

withGlobus('Globus and we agree on signing policies and revocation lists', async () => {
  const agree = async (): Promise<[boolean, unknown]> => {
    const { tree } = site
    const files = ['-cert', tree.certificate('alice'), '-key', tree.key('alice'), '-out', tree.path('agreed')]
    const { code } = await site.run('grid-proxy-init', '-verify', '-valid', '1:0', ...files)
    const own = { certificate: tree.certificate('alice'), key: tree.key('alice'), ca: site.certificates.dir }
    const reason = await loadIdentity(own).then(
      () => undefined,
      (error) => error.data?.reason,
    )
    return [code === 0, reason]
  }
  assert.equal(await agree(), [true, undefined])
  site.policy('/DC=org/DC=grid/OU=Robots/*')
  assert.equal(await agree(), [false, 'signing-policy'])
  site.policy('/dc=ORG/*/CN=Alice Smith')
  assert.equal(await agree(), [true, undefined])
  site.crl({ fromDays: -9, toDays: -8 })
  assert.equal(await agree(), [false, 'crl-expired'])
  site.crl({ revoked: [readCertificate(site.tree.pem('alice'))] })
  assert.equal(await agree(), [false, 'revoked'])
})

test.run()
