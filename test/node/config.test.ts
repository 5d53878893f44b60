import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { parseNodeConfig } from '../../node/config.ts'
import { ConfigError } from '../../src/core/errors.ts'

const test = suite('node configuration')
const path = '/etc/bootswarm/node.yaml'
const BASE = `dataDir: data
tracker: { url: "https://tracker.example:8443" }
identity: { certificate: node.pem, key: /secret/node.key, ca: ca.pem }
`
const parse = (text: string) => parseNodeConfig(text, { path })

test('fills in defaults and makes paths absolute', () => {
  const config = parse(BASE)
  assert.is(config.dataDir, '/etc/bootswarm/data')
  assert.is(config.tracker.name, 'tracker.example')
  assert.is(config.identity.key, '/secret/node.key')
  assert.is(config.control.socket, '/run/bootswarm/node.sock')
  assert.is(config.disk.socketDirectory, '/run/bootswarm/disks')
  assert.equal(config.export.directories, ['/etc/bootswarm/data/exports'])
  assert.is(config.grants.graceSeconds, 3600)
  assert.is(config.metrics, undefined)
  assert.is(config.store.maxBytes, undefined)
})

test('offers disks over TCP to those alone whom the file names', () => {
  assert.is(parse(BASE).disk.tcp, undefined)
  const { tcp } = parse(`${BASE}disk: { tcp: { listen: "[::1]:10809", allow: [/DC=org/CN=hv2] } }\n`).disk
  assert.equal(tcp, { listen: { host: '::1', port: 10_809 }, allow: ['/DC=org/CN=hv2'] })
  for (const wrong of ['{ listen: "0.0.0.0:1" }', '{ listen: "0.0.0.0:1", allow: [] }', '{ allow: [/CN=x] }'])
    assert.throws(() => parse(`${BASE}disk: { tcp: ${wrong} }\n`), ConfigErrorOf)
})

const ConfigErrorOf = (error: unknown) => error instanceof ConfigError

test('takes authorities and revocation lists from where the file is', () => {
  const { identity } = parse(BASE.replace('ca: ca.pem', 'ca: certs, crl: lists, crlRequired: true'))
  assert.equal(
    [identity.ca, identity.crl, identity.crlRequired],
    ['/etc/bootswarm/certs', '/etc/bootswarm/lists', true],
  )
})

test('takes what is given', () => {
  const config = parse(`${BASE}labels: { rack: r1 }
grants: { graceSeconds: 0 }
metrics: { listen: "[::1]:9100" }
store: { maxBytes: 500000000000 }
p2p: { listen: [/ip4/10.0.0.1/tcp/4002], announce: [] }
`)
  assert.equal(config.labels, { rack: 'r1' })
  assert.is(config.grants.graceSeconds, 0)
  assert.is(config.store.maxBytes, 5e11)
  assert.equal(config.metrics?.listen, { host: '::1', port: 9100 })
  assert.equal(config.p2p.listen, ['/ip4/10.0.0.1/tcp/4002'])
})

test('sockets of disks are beside the control socket, or where it says', () => {
  const beside = parse(`${BASE}control: { socket: run/node.sock }\n`)
  assert.is(beside.disk.socketDirectory, '/etc/bootswarm/run/disks')
  const elsewhere = parse(`${BASE}disk: { socketDirectory: /run/vm }\n`)
  assert.is(elsewhere.disk.socketDirectory, '/run/vm')
})

test('names the file and the key of what is wrong', () => {
  const wrong: [string, RegExp][] = [
    [`${BASE}lables: {}\n`, /node\.yaml: lables/],
    [`${BASE}labels: { room: x }\n`, /labels\.room/],
    [BASE.replace('https:', 'http:'), /tracker\.url/],
    [BASE.replace('dataDir: data\n', ''), /dataDir/],
    [`${BASE}grants: { graceSeconds: -1 }\n`, /grants\.graceSeconds/],
    [`${BASE}store: { maxBytes: 0 }\n`, /store\.maxBytes/],
    [`${BASE}control: { socket: /${'x'.repeat(120)} }\n`, /control\.socket/],
    [`${BASE}metrics: { listen: "127.0.0.1:99999" }\n`, /no port 99999/],
    ['{', /not YAML/],
    [`a: &x 1\nb: *x\n${BASE}`, /not YAML/],
  ]
  for (const [text, reason] of wrong) {
    assert.throws(
      () => parse(text),
      (error: unknown) => error instanceof ConfigError && reason.test(error.message),
      reason.source,
    )
  }
})

test.run()
