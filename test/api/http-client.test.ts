import { X509Certificate } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { HttpClient } from '../../src/api/http-client.ts'
import { TrackerClient } from '../../src/api/tracker-client.ts'
import { UploadClient } from '../../src/api/upload-client.ts'
import { systemClock } from '../../src/core/clock.ts'
import { CertificateError } from '../../src/core/errors.ts'
import { parseReference } from '../../src/core/reference.ts'
import type { Identity } from '../../src/identity/identity-files.ts'
import { serverCheck } from '../../src/identity/server-check.ts'
import { Trust } from '../../src/identity/trust.ts'
import { failureOf } from '../fixtures/failure.ts'
import { withScratch } from '../fixtures/scratch.ts'
import { Site } from '../fixtures/site.ts'

type Handler = Parameters<typeof createServer>[1]
const NO_IMAGES = '{"images":[],"next":null}'
const test = suite<{
  site: Site
  own: Identity
  server: Server
  handler: Handler
  url: string
  pems: { certificatePem: string; keyPem: string; caPem: string }
}>('http client')

test.before(async (context) => {
  context.site = await Site.create()
  const own = await context.site.issue({
    kind: 'tracker',
    commonName: 't',
    dnsNames: ['t'],
    ipAddresses: ['127.0.0.1'],
  })
  const user = await context.site.issue({ kind: 'user', commonName: 'u' })
  context.own = own
  context.pems = {
    certificatePem: user.certificatePem,
    keyPem: user.keyPem,
    caPem: context.site.ca.certificatePem,
  }
  context.server = createServer({ cert: own.certificatePem, key: own.keyPem }, (request, response) => {
    context.handler?.(request, response)
  })
  await new Promise<void>((resolve) => context.server.listen(0, '127.0.0.1', resolve))
  context.url = `https://127.0.0.1:${(context.server.address() as AddressInfo).port}`
})
test.after(({ server }) => {
  server.closeAllConnections()
  server.close()
})

test('takes the name of the server from its address', async (context) => {
  context.handler = (_request, response) => response.end(NO_IMAGES)
  const client = new TrackerClient({ url: context.url, ...context.pems })
  assert.equal(await client.listImages(), [])
  await client.close()
})

test('nobody there is unreachable, and says what to check', async ({ pems }) => {
  const client = new TrackerClient({ url: 'https://127.0.0.1:1', ...pems })
  const failure = await failureOf(client.whoami())
  assert.is(failure.code, 'E_UNREACHABLE')
  assert.match(failure.message, /127\.0\.0\.1:1.*running/)
  await client.close()
})

test('judges the server beyond what TLS does, and says why it refuses', async (context) => {
  context.handler = (_request, response) => response.end(NO_IMAGES)
  const chains: (readonly Uint8Array[])[] = []
  const checkServer = (chain: readonly Uint8Array[]) => {
    chains.push(chain)
    if (chains.length > 1) throw new CertificateError('it has been revoked')
  }
  const ask = async () => {
    const client = new TrackerClient({ url: context.url, ...context.pems, checkServer })
    try {
      return await client.listImages()
    } finally {
      await client.close()
    }
  }
  assert.equal(await ask(), [])
  const [server, anchor] = chains[0] ?? []
  assert.match(new X509Certificate(server ?? '').subject, 'CN=t')
  assert.is(new X509Certificate(anchor ?? '').toString(), context.pems.caPem)
  const failure = await failureOf(ask())
  assert.equal([failure.code, failure.message], ['E_CERTIFICATE', 'it has been revoked'])
})

test('refuses a server whose certificate a list has taken back', async (context) => {
  context.handler = (_request, response) => response.end(NO_IMAGES)
  await withScratch(async (dir) => {
    await writeFile(join(dir, 'ca.pem'), context.site.ca.certificatePem)
    await writeFile(join(dir, 'ca.crl'), context.site.crl(context.own))
    const trust = await Trust.load(dir)
    const checkServer = serverCheck({ trust, clock: systemClock })
    const client = new TrackerClient({ url: context.url, ...context.pems, checkServer })
    assert.match((await failureOf(client.listImages())).message, /CN=t: .* has revoked it/)
    await client.close()
  })
})

test('takes up authorities that change', async (context) => {
  context.handler = (_request, response) => response.end(NO_IMAGES)
  let caPem = (await Site.create('Elsewhere')).ca.certificatePem
  const client = new TrackerClient({ url: context.url, ...context.pems, caPem: () => caPem })
  assert.is((await failureOf(client.listImages())).code, 'E_CERTIFICATE')
  caPem = context.pems.caPem
  assert.equal(await client.listImages(), [])
  await client.close()
})

test('a signal stops a call', async (context) => {
  context.handler = () => {}
  const client = new TrackerClient({ url: context.url, ...context.pems })
  const stop = new AbortController()
  const call = failureOf(client.whoami({ signal: stop.signal }))
  stop.abort()
  assert.is((await call).code, 'E_ABORTED')
  assert.is((await failureOf(client.whoami({ signal: AbortSignal.timeout(20) }))).code, 'E_TIMEOUT')
  assert.is((await failureOf(client.whoami({ signal: AbortSignal.abort() }))).code, 'E_ABORTED')
  await client.close()
})

test('an answer that nobody expects is a protocol error', async (context) => {
  const client = new TrackerClient({ url: context.url, ...context.pems })
  for (const [status, body] of [
    [200, '{"images":[]}'],
    [200, '<html>'],
    [500, 'oops'],
    [404, '{}'],
  ] as const) {
    context.handler = (_request, response) => response.writeHead(status).end(body)
    assert.is((await failureOf(client.listImages())).code, 'E_PROTOCOL')
  }
  await client.close()
})

test('an answer that breaks off is unreachable, not a short one', async (context) => {
  context.handler = (_request, response) => {
    response.writeHead(200, { 'content-length': 100 })
    response.write('short', () => response.destroy())
  }
  const client = new TrackerClient({ url: context.url, ...context.pems })
  const read = async () => {
    for await (const piece of await client.raw(parseReference('a/b'))) assert.ok(piece.length > 0)
  }
  assert.is((await failureOf(read())).code, 'E_UNREACHABLE')
  await client.close()
})

test('has is asked again when the server is busy, and not when it refuses', async (context) => {
  const http = new HttpClient({ url: context.url, ...context.pems })
  const upload = new UploadClient({ http }, { id: 'x'.repeat(24) })
  let calls = 0
  context.handler = (request, response) => {
    calls++
    request.resume()
    request.on('end', () => {
      if (calls < 3) response.writeHead(503).end()
      else response.end(Buffer.of(0b10))
    })
  }
  assert.equal(await upload.has([new Uint8Array(32), new Uint8Array(32)]), [true, false])
  assert.is(calls, 3)
  calls = 10
  const problem = { type: 'x', title: 'x', status: 403, detail: 'no', code: 'E_NOT_AUTHORISED', data: {} }
  context.handler = (_request, response) => {
    calls++
    response.writeHead(403, { 'content-type': 'application/problem+json' }).end(JSON.stringify(problem))
  }
  assert.is((await failureOf(upload.has([new Uint8Array(32)]))).code, 'E_NOT_AUTHORISED')
  assert.is(calls, 11)
  await http.close()
})

test.run()
