import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ConfigError } from '../../src/core/errors.ts'
import { loadTrackerConfig, parseTrackerConfig } from '../../tracker/config.ts'

const EVERYTHING = {
  bytesPerSecond: undefined,
  requestedBytesPerSecond: undefined,
  backgroundBytesPerSecond: undefined,
}
const UNLIMITED = { upload: EVERYTHING, download: EVERYTHING, fallbackBytesPerSecond: undefined }

const test = suite('tracker config')
const MINIMAL = 'dataDir: data\nidentity: { certificate: t.pem, key: /keys/t.key, ca: ca.pem }\n'
const parse = (text: string) => parseTrackerConfig(text, { path: '/etc/bootswarm/tracker.yaml' })

test('needs little, fills in the rest, and takes paths from where the file is', () => {
  assert.equal(parse(MINIMAL), {
    dataDir: '/etc/bootswarm/data',
    listen: { host: '0.0.0.0', port: 8443 },
    publicUrl: undefined,
    ownUrl: undefined,
    catalog: { path: '/etc/bootswarm/data/catalog.sqlite' },
    name: undefined,
    identity: { certificate: '/etc/bootswarm/t.pem', key: '/keys/t.key', ca: '/etc/bootswarm/ca.pem' },
    p2p: { listen: ['/ip4/0.0.0.0/tcp/4001'], announce: [] },
    exchange: { solid: 'auto', rates: UNLIMITED },
    users: { onFirstContact: 'refuse' },
    namespaces: { nodesRead: true },
    quotas: { bytes: null, images: null },
    admins: [],
    adminsFile: undefined,
    nodes: { enrolment: 'machines' },
    grants: { lifetimeSeconds: 300 },
    gc: { intervalSeconds: 3600 },
    http: undefined,
    publicHttpUrl: undefined,
    metrics: undefined,
    log: { level: 'info' },
  })
})

test('reads every key', () => {
  const config = parse(`${MINIMAL}
listen: '[::1]:0'
p2p: { listen: [/ip4/127.0.0.1/tcp/0], announce: [/dns4/t/tcp/4001] }
admins: ["/O=Example/CN=Alice"]
grants: { lifetimeSeconds: 60 }
nodes: { enrolment: approve }
gc: { intervalSeconds: 0 }
name: registry.example.org
namespaces: { nodesRead: false }
metrics: { listen: 127.0.0.1:9443 }
log: { level: debug }`)
  assert.equal(config.listen, { host: '::1', port: 0 })
  assert.equal(config.metrics, { listen: { host: '127.0.0.1', port: 9443 } })
  assert.equal(config.p2p.announce, ['/dns4/t/tcp/4001'])
  assert.is(config.grants.lifetimeSeconds, 60)
  assert.is(config.nodes.enrolment, 'approve')
  assert.is(config.gc.intervalSeconds, 0)
  assert.is(config.name, 'registry.example.org')
  assert.is(config.namespaces.nodesRead, false)
})

test('says where the catalog is', () => {
  const postgres = 'postgres:///bootswarm?host=/run/postgresql'
  assert.equal(parse(`${MINIMAL}catalog: { postgres: "${postgres}" }`).catalog, { postgres })
  const inFile = parse(`${MINIMAL}catalog: { postgresFile: database.url }\nownUrl: https://a.example:8443`)
  assert.equal(inFile.catalog, { postgresFile: '/etc/bootswarm/database.url' })
  assert.is(inFile.ownUrl, 'https://a.example:8443')
})

test('takes authorities and revocation lists from where the file is', () => {
  const { identity } = parse(
    'dataDir: d\nidentity: { certificate: t.pem, key: t.key, ca: certs, crl: lists, crlRequired: true }\n',
  )
  assert.is(identity.ca, '/etc/bootswarm/certs')
  assert.is(identity.crl, '/etc/bootswarm/lists')
  assert.is(identity.crlRequired, true)
})

test('names the key that is unknown or wrong', () => {
  const wrong: [string, RegExp][] = [
    ['colour: blue', /colour/],
    ['listen: nowhere', /listen/],
    ['listen: host:99999', /99999/],
    ['grants: { lifetimeSeconds: soon }', /grants\.lifetimeSeconds/],
    ['gc: { intervalSeconds: -1 }', /gc\.intervalSeconds/],
    ['grants: { lifetime: 3 }', /grants\.lifetime/],
    ['grants: { lifetimeSeconds: 1 }', /grants\.lifetimeSeconds/],
    ['nodes: { enrolment: everybody }', /nodes\.enrolment/],
    ['metrics: { listen: 127.0.0.1:9443, path: /m }', /metrics\.path/],
    ['log: { level: loud }', /log\.level/],
    ['ownUrl: http://a.example', /ownUrl/],
    ['ownUrl: https://a.example/path', /ownUrl/],
    ['catalog: { postgres: a, postgresFile: b }', /catalog/],
  ]
  for (const [line, message] of wrong) {
    assert.throws(
      () => parse(`${MINIMAL}${line}\n`),
      (error: unknown) => error instanceof ConfigError && message.test(error.message),
    )
  }
})

test('refuses what is no YAML, no map, or not there', async () => {
  for (const text of ['a: [', '', '- 1', '"text"', 'a: &x [1]\nb: *x\n']) {
    assert.throws(
      () => parse(text),
      (error: unknown) => error instanceof ConfigError,
    )
  }
  try {
    await loadTrackerConfig('/nowhere/tracker.yaml')
    assert.unreachable()
  } catch (error) {
    assert.instance(error, ConfigError)
  }
})

test('quotas are bytes in any form, and numbers of images', () => {
  const quotas = (text: string) => parse(`${MINIMAL}\nquotas: ${text}`).quotas
  assert.equal(quotas('{ bytes: 4*1024*1024 }'), { bytes: 4 * 1024 * 1024, images: null })
  assert.equal(quotas('{ bytes: 100GiB, images: 20 }'), { bytes: 100 * 1024 ** 3, images: 20 })
  assert.throws(() => quotas('{ bytes: plenty }'), /quotas.bytes must be bytes such as/)
})

test.run()
