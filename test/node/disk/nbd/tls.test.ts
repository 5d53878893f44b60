import { once } from 'node:events'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { NbdExport } from '../../../../node/disk/nbd/export.ts'
import { type NbdListener, NbdServer } from '../../../../node/disk/nbd/server.ts'
import { NBD_LINGER_MS, NBD_STRANGERS_MAX, NBD_TLS_RECHECK_MS } from '../../../../src/core/disk-limits.ts'
import { silentLog } from '../../../../src/core/log.ts'
import type { Identity } from '../../../../src/identity/identity-files.ts'
import { FakeClock } from '../../../fixtures/fake-clock.ts'
import { until } from '../../../fixtures/hosts.ts'
import { infoRequest, NbdClient, optionBytes, requestBytes } from '../../../fixtures/nbd-client.ts'
import { outputOf, runClient } from '../../../fixtures/nbd-process.ts'
import { RecordingObserver, sampleDisk } from '../../../fixtures/nbd-site.ts'
import { missingPrograms, testsThatNeed } from '../../../fixtures/programs.ts'
import { withScratch } from '../../../fixtures/scratch.ts'
import { Site } from '../../../fixtures/site.ts'

const test = suite('NBD over TLS')
const withLibnbd = testsThatNeed(test, missingPrograms('nbdinfo', 'nbdcopy'))
const [ACK, UNSUP, INVALID, TLS_REQUIRED] = [1, 2 ** 31 + 1, 2 ** 31 + 3, 2 ** 31 + 5]
const [UNKNOWN, ESHUTDOWN] = [2 ** 31 + 6, 108]
const HOST = '127.0.0.1'

interface Place {
  readonly server: NbdServer
  readonly port: number
  readonly site: Site
  readonly observer: RecordingObserver
  readonly clock: FakeClock
  readonly bytes: Buffer
  readonly admitted: Set<string>
  readonly offered: NbdExport[]
}

/** A server on TCP that admits whoever is called `reader`. */
async function withTls(task: (place: Place) => Promise<void>): Promise<void> {
  const site = await Site.create()
  const identity = await site.issue({ kind: 'node', commonName: 'localhost', dnsNames: ['localhost'] })
  const observer = new RecordingObserver()
  // certificates begin now
  const clock = new FakeClock(Date.now())
  const admitted = new Set(['reader'])
  const admits = ({ commonName }: { commonName: string }) => admitted.has(commonName)
  const server = new NbdServer({ clock, observer, log: silentLog, tls: { identity, admits } })
  const { disk, bytes } = sampleDisk()
  const offered: NbdExport[] = [disk]
  const listener: NbdListener = await server.listenOnTcp({ host: HOST, port: 0 }, () => offered)
  try {
    await task({ server, port: listener.port ?? 0, site, observer, clock, bytes, admitted, offered })
  } finally {
    await server.stop()
  }
}

async function greeted(port: number, flags = 3): Promise<NbdClient> {
  const client = await NbdClient.connect({ host: HOST, port })
  await client.read(18)
  client.sendFlags(flags)
  return client
}

/** Within TLS, with the certificate of `identity` or with none. */
async function encrypted(port: number, identity?: Identity): Promise<{ client: NbdClient; tls: TLSSocket }> {
  const plain = await greeted(port)
  assert.is((await plain.option(5))[0]?.type, ACK)
  plain.socket.removeAllListeners('data').removeAllListeners('end')
  const pair = identity === undefined ? {} : { cert: identity.certificatePem, key: identity.keyPem }
  const tls = connectTls({ socket: plain.socket, rejectUnauthorized: false, ...pair })
  const client = new NbdClient(tls)
  await once(tls, 'secureConnect')
  return { client, tls }
}

test('says nothing before TLS has begun', () =>
  withTls(async ({ port }) => {
    const client = await greeted(port)
    for (const option of [3, 6, 7, 8, 9, 10, 99]) {
      assert.is((await client.option(option, infoRequest('')))[0]?.type, TLS_REQUIRED)
    }
    assert.is((await client.option(5, Buffer.from([1])))[0]?.type, INVALID)
    assert.is((await client.option(2))[0]?.type, ACK)
    await client.rest()
    client.close()
    for (const begin of [
      async () => {
        const named = await greeted(port)
        named.send(optionBytes(1))
        return named
      },
      () => greeted(port, 2),
      async () => {
        const injecting = await greeted(port)
        injecting.send(Buffer.concat([optionBytes(5), optionBytes(8)]))
        return injecting
      },
    ]) {
      const ended = await begin()
      assert.is((await ended.rest()).length, 0)
      ended.close()
    }
  }))

test('serves whoever is admitted, and forgets what was said in the clear', () =>
  withTls(async ({ port, site }) => {
    const reader = await site.issue({ kind: 'user', commonName: 'reader' })
    const { client } = await encrypted(port, reader)
    assert.is((await client.option(5))[0]?.type, INVALID)
    assert.is((await client.option(11))[0]?.type, UNSUP)
    await client.option(8)
    assert.is((await client.option(7, infoRequest(''))).at(-1)?.type, ACK)
    client.send(requestBytes({ command: 0, offset: 1024n ** 2n, length: 100_000 }))
    assert.is((await client.chunks())[0]?.data.length, 100_008)
    client.close()
  }))

test('hangs up on who has no certificate, one of another site, or is not admitted', () =>
  withTls(async ({ port, site, observer, server }) => {
    const other = await Site.create('Elsewhere')
    const strangers = [
      undefined,
      await other.issue({ kind: 'user', commonName: 'reader' }),
      await site.issue({ kind: 'user', commonName: 'somebody' }),
    ]
    for (const identity of strangers) {
      const { client } = await encrypted(port, identity)
      client.send(optionBytes(3))
      assert.is((await client.rest()).length, 0)
      client.close()
    }
    const plain = await greeted(port)
    await plain.option(5)
    plain.send(Buffer.from('this is no TLS at all'))
    await plain.rest()
    plain.close()
    await until(() => server.connections === 0)
    assert.equal(observer.refusals, ['certificate', 'certificate', 'certificate', 'tls'])
  }))

test('ends connections of who is not admitted any more', () =>
  withTls(async ({ port, site, observer, clock, admitted }) => {
    const { client } = await encrypted(port, await site.issue({ kind: 'user', commonName: 'reader' }))
    await client.option(7, infoRequest(''))
    await clock.advance(NBD_TLS_RECHECK_MS)
    assert.equal(observer.refusals, [])
    admitted.clear()
    await clock.advance(NBD_TLS_RECHECK_MS)
    await client.rest()
    assert.equal(observer.refusals, ['certificate'])
    client.close()
  }))

test('tells those who read a disk that it is taken away, and hangs up on who does not go', () =>
  withTls(async ({ port, site, clock, server, offered }) => {
    const reader = await site.issue({ kind: 'user', commonName: 'reader' })
    const { disk: other } = sampleDisk('team/other')
    const [disk] = offered
    assert.ok(disk)
    offered.push(other)
    const serving = async (name: string) => {
      const { client } = await encrypted(port, reader)
      await client.option(8)
      assert.is((await client.option(7, infoRequest(name))).at(-1)?.type, ACK)
      return client
    }
    const [client, neighbour] = [await serving(disk.name), await serving(other.name)]
    const { client: choosing } = await encrypted(port, reader)
    assert.equal([server.remoteReaders(disk), server.remoteReaders(other)], [1, 1])
    offered.shift()
    server.takeFromRemote(disk)
    client.send(requestBytes({ command: 0, length: 4096 }))
    assert.is((await client.errorReply()).error, ESHUTDOWN)
    neighbour.send(requestBytes({ command: 0, length: 4096 }))
    assert.ok((await neighbour.chunks()).length > 0)
    assert.is((await choosing.option(7, infoRequest(disk.name))).at(-1)?.type, UNKNOWN)
    await clock.advance(NBD_LINGER_MS)
    await client.rest()
    await until(() => server.remoteReaders(disk) === 0)
    assert.is(server.remoteReaders(other), 1)
    for (const each of [client, neighbour, choosing]) each.close()
  }))

test('strangers give way to who comes later', () =>
  withTls(async ({ port, server }) => {
    const strangers: NbdClient[] = []
    for (let i = 0; i < NBD_STRANGERS_MAX + 5; i++) strangers.push(await greeted(port))
    await strangers[0]?.rest()
    await until(() => server.connections === NBD_STRANGERS_MAX)
    const last = strangers.at(-1)
    assert.is((await last?.option(3))?.[0]?.type, TLS_REQUIRED)
    for (const client of strangers) client.close()
  }))

withLibnbd('nbdinfo and nbdcopy come with the certificates of the site', () =>
  withTls(({ port, site, bytes }) =>
    withScratch(async (dir) => {
      const reader = await site.issue({ kind: 'user', commonName: 'reader' })
      const certificates = join(dir, 'pki')
      await mkdir(certificates)
      await writeFile(join(certificates, 'ca-cert.pem'), site.trust.pem)
      await writeFile(join(certificates, 'client-cert.pem'), reader.certificatePem)
      await writeFile(join(certificates, 'client-key.pem'), reader.keyPem)
      const uri = `nbds://localhost:${port}/team/debian:12?tls-certificates=${certificates}`
      assert.match(await outputOf('nbdinfo', uri), 'newstyle-fixed with TLS')
      const copy = join(dir, 'copy')
      await outputOf('nbdcopy', uri, copy)
      assert.ok((await readFile(copy)).equals(bytes))
      assert.is.not((await runClient('nbdinfo', `nbd://localhost:${port}/`)).code, 0)
    }),
  ),
)

test.run()
