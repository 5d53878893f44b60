import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { digestOf, manifestIdOf } from '../../../src/core/cid.ts'
import { RELAYS_MAX } from '../../../src/core/registry-limits.ts'
import type { PeerKey } from '../../../src/core/router.ts'
import type { StoredTracker } from '../../../tracker/catalog/tracker-catalog.ts'
import { Relay } from '../../../tracker/siblings/relay.ts'
import { failureOf } from '../../fixtures/failure.ts'
import { imageKey } from '../../fixtures/image-key.ts'
import { Site } from '../../fixtures/site.ts'
import { collect } from '../../fixtures/tracker.ts'

interface Context {
  site: Site
  /** Answers as the test says. */
  good: Server
  /** Has no certificate of the site's name. */
  stranger: Server
  relay: Relay
}

const test = suite<Context>('relay')
const name = 'tracker.testnet'
const version = { ...imageKey('team/debian'), manifest: manifestIdOf(digestOf(Buffer.from('m'))) }
const range = { version, start: 10, end: 20 }
const bytes = Buffer.from('0123456789')
/** What the good server does with a request, and what it was asked. */
let answer: (response: ServerResponse) => void
let asked: string[]

async function serve(site: Site, host: string): Promise<Server> {
  const { certificatePem: cert, keyPem: key } = await site.issue({
    kind: 'tracker',
    commonName: host,
    dnsNames: [host],
  })
  const options = { cert, key, ca: site.ca.certificatePem, requestCert: true, rejectUnauthorized: true }
  const server = createServer(options, (request, response) => {
    asked.push(`${request.url} ${request.headers.range}`)
    answer(response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

function entry(server: Server | undefined): StoredTracker {
  const port = server === undefined ? 1 : (server.address() as AddressInfo).port
  return { peer: `p${port}` as PeerKey, url: `https://127.0.0.1:${port}`, addresses: [], seenAtMs: 0 }
}

test.before(async (context) => {
  context.site = await Site.create()
  const { site } = context
  context.good = await serve(site, name)
  context.stranger = await serve(site, 'other.testnet')
  const identity = await site.issue({ kind: 'tracker', commonName: name, dnsNames: [name] })
  context.relay = new Relay({ identity, name })
})
test.before.each(() => {
  asked = []
  answer = (response) => response.writeHead(206, { 'content-length': bytes.length }).end(bytes)
})
test.after(async ({ good, stranger, relay }) => {
  await relay.close()
  good.close()
  stranger.close()
})

const signal = () => new AbortController().signal

test('asks for just the bytes of just the manifest', async ({ relay, good }) => {
  assert.ok((await collect(await relay.open([entry(good)], range, { signal: signal() }))).equals(bytes))
  assert.equal(asked, [`/api/images/raw/team/debian?manifest=${version.manifest} bytes=10-19`])
})

test('asks the next one when one is away, has another name, or refuses', async ({
  relay,
  good,
  stranger,
}) => {
  const open = async (...trackers: StoredTracker[]) =>
    await collect(await relay.open(trackers, range, { signal: signal() }))
  assert.ok((await open(entry(undefined), entry(stranger), entry(good))).equals(bytes))
  assert.is(asked.length, 1)
  for (const status of [403, 404, 500, 503]) {
    answer = (response) => response.writeHead(status).end()
    const error = await failureOf(open(entry(good)))
    assert.is(error.code, 'E_UNREACHABLE')
  }
  assert.is((await failureOf(open(entry(undefined)))).code, 'E_UNREACHABLE')
})

test('bytes that break off, that are too few or too many, are an error', async ({ relay, good }) => {
  const read = async () => await collect(await relay.open([entry(good)], range, { signal: signal() }))
  const answers: ((response: ServerResponse) => void)[] = [
    (response) => response.writeHead(206).end(bytes.subarray(1)),
    (response) => response.writeHead(206).end(Buffer.concat([bytes, bytes])),
    (response) => {
      response.writeHead(206, { 'content-length': bytes.length })
      response.write(bytes.subarray(0, 4), () => response.destroy())
    },
  ]
  const codes: (string | undefined)[] = []
  for (const one of answers) {
    answer = one
    codes.push((await failureOf(read())).code)
  }
  assert.equal(codes, ['E_UNREACHABLE', 'E_PROTOCOL', 'E_UNREACHABLE'])
  answer = (response) => response.writeHead(206).end(bytes)
  assert.ok((await read()).equals(bytes))
})

test('so many at once, and a place is free again when somebody has read or gone', async ({ relay, good }) => {
  const leaving = Array.from({ length: RELAYS_MAX }, () => new AbortController())
  const open = (one: AbortController) => relay.open([entry(good)], range, { signal: one.signal })
  const opened = await Promise.all(leaving.map(open))
  assert.is((await failureOf(open(new AbortController()))).code, 'E_BUSY')
  const [first] = opened
  assert.ok(first)
  await collect(first)
  opened[0] = await open(new AbortController())
  assert.is((await failureOf(open(new AbortController()))).code, 'E_BUSY')
  // Nobody has read from these.
  for (const one of leaving) one.abort()
  for (let i = 0; i < RELAYS_MAX - 1; i++) await collect(await open(new AbortController()))
  await collect(opened[0])
})

test.run()
