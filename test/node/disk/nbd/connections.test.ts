import { stat } from 'node:fs/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { NbdServer } from '../../../../node/disk/nbd/server.ts'
import {
  NBD_CONNECTIONS_MAX,
  NBD_HANDSHAKE_TIMEOUT_MS,
  NBD_LINGER_MS,
  NBD_REFUSALS_MAX,
  NBD_SILENT_MS,
  NBD_UNREAD_MS,
} from '../../../../src/core/disk-limits.ts'
import { failureOf } from '../../../fixtures/failure.ts'
import { FakeClock } from '../../../fixtures/fake-clock.ts'
import { until } from '../../../fixtures/hosts.ts'
import { infoRequest, NbdClient, requestBytes } from '../../../fixtures/nbd-client.ts'
import { disk, RecordingObserver, waitingDisk, withNbd } from '../../../fixtures/nbd-site.ts'

const test = suite('NBD connections')
const MiB = 1024 * 1024
const [READ, DISC] = [0, 2]
const POLICY = 2 ** 31 + 2
const BLOCK_STATUS = 7

test('the socket is of mode 0660, and of one server alone', () =>
  withNbd(disk({}), async ({ path, server }) => {
    assert.is((await stat(path)).mode & 0o777, 0o660)
    assert.is((await failureOf(server.listenAtPath(path, () => []))).code, 'E_STATE')
    assert.is(
      (await failureOf(server.listenOnTcp({ host: '127.0.0.1', port: 0 }, () => []))).code,
      'E_CONFIG',
    )
  }))

test('a thousand connections are served, more are told so, and none is left', () => {
  const observer = new RecordingObserver()
  const task = async ({
    path,
    server,
  }: {
    path: string
    server: { connections: number; bytesInFlight: number }
  }) => {
    const clients: NbdClient[] = []
    // as many at a time as the system keeps waiting
    while (clients.length < NBD_CONNECTIONS_MAX) {
      clients.push(...(await Promise.all(Array.from({ length: 256 }, () => NbdClient.serving(path)))))
    }
    await Promise.all(
      clients.map(async (client) => {
        client.send(requestBytes({ command: READ, length: 4096 }))
        assert.is((await client.chunks()).length, 1)
      }),
    )
    const late = await NbdClient.greeted(path)
    const [reply] = await late.option(7, infoRequest(''))
    assert.is(reply?.type, POLICY)
    assert.match(reply?.data.toString() ?? '', 'too many connections')
    assert.is((await late.rest()).length, 0)
    late.close()
    await until(() => server.connections === NBD_CONNECTIONS_MAX)
    const crowd = await Promise.all(
      Array.from({ length: NBD_REFUSALS_MAX + 8 }, () => NbdClient.connect({ path })),
    )
    await until(() => server.connections === NBD_CONNECTIONS_MAX + NBD_REFUSALS_MAX)
    assert.is(observer.refusals.filter((reason) => reason === 'crowded').length, NBD_REFUSALS_MAX + 9)
    for (const client of [...clients, ...crowd]) client.close()
    await until(() => server.connections === 0)
    assert.is(server.bytesInFlight, 0)
  }
  return withNbd(disk({}), task, { observer })
})

test('a handshake that takes too long ends', () => {
  const clock = new FakeClock()
  const observer = new RecordingObserver()
  const task = async ({ path }: { path: string }) => {
    const silent = await NbdClient.connect({ path })
    await silent.read(18)
    const serving = await NbdClient.serving(path)
    await clock.advance(NBD_HANDSHAKE_TIMEOUT_MS)
    await silent.rest()
    assert.equal(observer.refusals, ['handshake'])
    await clock.advance(86_400_000)
    serving.send(requestBytes({ command: READ, length: 512 }))
    assert.is((await serving.chunks()).length, 1, 'a machine may rest for days')
    serving.close()
    silent.close()
  }
  return withNbd(disk({}), task, { clock, observer })
})

test('a client that has closed its side is answered what it asked for, then the connection ends', () => {
  const { disk: slow, letGo, state } = waitingDisk()
  return withNbd(slow, async ({ path, server }) => {
    const client = await NbdClient.serving(path)
    for (let i = 0; i < 200; i++) client.send(requestBytes({ command: READ, length: 512, cookie: BigInt(i) }))
    client.socket.end()
    await until(() => state.begun === 128)
    letGo()
    await until(() => state.begun === 200)
    letGo()
    const bytes = await client.rest()
    assert.is(bytes.length, 200 * (20 + 8 + 512))
    client.close()
    await until(() => server.connections === 0)
  })
})

test('after DISC what is under way is answered, and nothing else is read', () => {
  const { disk: slow, letGo, state } = waitingDisk()
  return withNbd(slow, async ({ path }) => {
    const client = await NbdClient.serving(path)
    client.send(requestBytes({ command: READ, length: 4096 }))
    client.send(requestBytes({ command: DISC }))
    client.send(requestBytes({ command: READ, length: 4096 }))
    await until(() => state.begun === 1)
    letGo()
    assert.is((await client.rest()).length, 32)
    assert.is(state.begun, 1)
    client.close()
  })
})

test('reads of a client that is gone are given up', () => {
  const clock = new FakeClock()
  const { disk: slow, state } = waitingDisk()
  const task = async ({
    path,
    server,
  }: {
    path: string
    server: { connections: number; bytesInFlight: number }
  }) => {
    const client = await NbdClient.serving(path)
    for (let i = 0; i < 4; i++) client.send(requestBytes({ command: READ, length: MiB }))
    await until(() => state.begun === 4)
    assert.ok(server.bytesInFlight > 3 * MiB)
    client.close()
    // a socket that is half closed looks the same for a while
    await until(() => clock.pending > 0)
    await until(async () => {
      await clock.advance(NBD_LINGER_MS)
      return server.connections === 0
    })
    assert.is(state.givenUp, 4)
    assert.is(server.bytesInFlight, 0)
  }
  return withNbd(slow, task, { clock })
})

test('reads no further while too much of one client is under way', () => {
  const { disk: slow, letGo, state } = waitingDisk()
  const observer = new RecordingObserver()
  const task = async ({ path }: { path: string }) => {
    const client = await NbdClient.serving(path)
    for (let i = 0; i < 3; i++) client.send(requestBytes({ command: READ, length: 16 * MiB }))
    await until(() => state.begun === 2)
    const other = await NbdClient.serving(path)
    other.send(requestBytes({ command: READ, length: 4096 }))
    await until(() => state.begun === 3)
    letGo()
    await until(() => state.begun === 4)
    letGo()
    for (let i = 0; i < 3; i++) await client.chunks()
    assert.is(observer.stalls, 1)
    client.close()
    other.close()
  }
  return withNbd(slow, task, { observer })
})

test('many clients that ask for much share what there is, and each has a little for itself', () => {
  const { disk: slow, letGo, state } = waitingDisk()
  return withNbd(slow, async ({ path, server }) => {
    const greedy = await Promise.all(Array.from({ length: 6 }, () => NbdClient.serving(path)))
    for (const client of greedy) client.send(requestBytes({ command: READ, length: 11 * MiB }))
    await until(() => state.begun === 4)
    assert.ok(server.bytesInFlight <= 48 * MiB)
    const modest = await NbdClient.serving(path)
    for (let i = 0; i < 64; i++) modest.send(requestBytes({ command: READ, length: 4096 }))
    await until(() => state.begun === 4 + 64)
    letGo()
    await until(() => state.begun === 6 + 64)
    letGo()
    for (const client of greedy) await client.chunks()
    await until(() => server.bytesInFlight === 0)
    for (const client of [...greedy, modest]) client.close()
  })
})

test('a client that takes no answers is hung up on, and gives back what it holds', () => {
  const clock = new FakeClock()
  const observer = new RecordingObserver()
  let begun = 0
  const read = (_offset: number, length: number) => {
    begun++
    return [Buffer.alloc(length, 1)]
  }
  const task = async ({
    path,
    server,
  }: {
    path: string
    server: { connections: number; bytesInFlight: number }
  }) => {
    const client = await NbdClient.serving(path)
    client.socket.pause()
    for (let i = 0; i < 100; i++) client.send(requestBytes({ command: READ, length: MiB }))
    await until(() => server.bytesInFlight > 0)
    await until(() => clock.pending > 0)
    await clock.advance(NBD_UNREAD_MS)
    await clock.advance(NBD_UNREAD_MS)
    await until(() => server.connections === 0)
    assert.equal(observer.refusals, ['unread'])
    assert.is(server.bytesInFlight, 0)
    // the rest would have waited in memory
    assert.ok(begun < 4, `${begun}`)
    client.close()
  }
  return withNbd(disk({ read }), task, { clock, observer })
})

test('a client that takes little, but takes it, keeps its connection within one long answer', () => {
  const clock = new FakeClock()
  const observer = new RecordingObserver()
  const bytes = Buffer.alloc(16 * MiB, 1)
  const task = async ({ path, server }: { path: string; server: NbdServer }) => {
    const client = await NbdClient.serving(path)
    client.socket.pause()
    client.send(requestBytes({ command: READ, length: bytes.length }))
    await until(() => server.bytesInFlight > 0)
    let taken = 0
    client.socket.removeAllListeners('data')
    client.socket.pause()
    client.socket.on('data', (chunk: Buffer) => {
      taken += chunk.length
      if (taken > MiB) client.socket.pause()
    })
    for (let i = 0; i < 7; i++) {
      await until(() => clock.pending > 0)
      await clock.advance(NBD_UNREAD_MS - 1000)
      taken = 0
      client.socket.resume()
      await until(() => taken > MiB)
    }
    assert.equal(observer.refusals, [])
    client.close()
    await until(() => server.connections === 0)
  }
  return withNbd(disk({ read: () => [bytes] }), task, { clock, observer })
})

test('two clients that take no answers hold up nobody for long, whatever they have asked for', () => {
  const clock = new FakeClock()
  const observer = new RecordingObserver()
  const { disk: slow, letGo, state } = waitingDisk((length) => Buffer.alloc(length, 1))
  const task = async ({ path, server }: { path: string; server: NbdServer }) => {
    const serving = async () => {
      const client = await NbdClient.serving(path)
      client.socket.pause()
      return client
    }
    const [one, two] = [await serving(), await serving()]
    for (const client of [one, two])
      for (let i = 0; i < 128; i++) client.send(requestBytes({ command: READ, length: MiB / 4 }))
    await until(() => state.begun === 1 + 44 * 4 + 1)
    assert.is(server.bytesInFlight, 44 * MiB)
    letGo()
    const third = await NbdClient.serving(path)
    third.send(requestBytes({ command: READ, length: MiB }))
    await until(() => state.begun === 1 + 44 * 4 + 1 + 1)
    letGo()
    assert.is((await third.chunks()).length, 1, 'at once: there is room for who has nothing')
    third.send(requestBytes({ command: READ, length: 8 * MiB }))
    await until(() => server.connectionsWaiting > 0)
    await clock.advance(NBD_SILENT_MS)
    await until(() => state.begun === 1 + 44 * 4 + 1 + 2)
    letGo()
    assert.is((await third.chunks()).length, 1)
    assert.equal(observer.refusals, ['unread'])
    for (const client of [one, two, third]) client.close()
    await until(() => server.connections === 0)
    assert.is(server.bytesInFlight, 0)
  }
  return withNbd(slow, task, { clock, observer })
})

test('disks whose image is not to be had do not hold up those that are here', () => {
  const clock = new FakeClock()
  const { disk: lost, letGo, state } = waitingDisk()
  return withNbd(
    lost,
    async ({ path, server }) => {
      const listener = await server.listenAtPath(`${path}-here`, () => [disk({})])
      const stalled = await Promise.all(Array.from({ length: 4 }, () => NbdClient.serving(path)))
      for (const [i, client] of stalled.entries()) {
        client.send(requestBytes({ command: READ, length: (i < 2 ? 20 : 4) * MiB }))
        await until(() => state.begun === i + 1)
      }
      const tool = await NbdClient.serving(`${path}-here`)
      tool.send(requestBytes({ command: READ, length: 2 * MiB }))
      await until(() => server.connectionsWaiting === 1)
      await clock.advance(NBD_SILENT_MS)
      assert.is((await tool.chunks()).length, 1)
      for (let i = 0; i < 16; i++) tool.send(requestBytes({ command: READ, length: 2 * MiB }))
      for (let i = 0; i < 16; i++) assert.is((await tool.chunks()).length, 1)
      letGo()
      for (const client of stalled) assert.is((await client.chunks()).length, 1)
      for (const client of [...stalled, tool]) client.close()
      await until(() => server.connections === 0)
      assert.is(server.bytesInFlight, 0)
      await listener.close()
    },
    { clock },
  )
})

test('what a client may be told about extents counts against what it may have under way', () => {
  const waiting: (() => void)[] = []
  const extents = (_context: string, { length }: { length: number }) =>
    new Promise<{ length: number; flags: number }[]>((resolve) => {
      waiting.push(() => resolve([{ length, flags: 0 }]))
    })
  return withNbd(disk({ extents }), async ({ path, server }) => {
    const client = await NbdClient.serving(path, { contexts: ['base:allocation', 'x-bootswarm:cached'] })
    for (let i = 0; i < 3; i++) client.send(requestBytes({ command: BLOCK_STATUS, length: MiB }))
    client.send(requestBytes({ command: BLOCK_STATUS, length: 10 }))
    await until(() => waiting.length === 8)
    // two contexts, 8,192 extents of 8 bytes, of which the connection has 256 KiB for itself
    assert.is(server.bytesInFlight, 3 * 2 * 8192 * 8 + 2 * 10 * 8 - 256 * 1024)
    for (const go of waiting.splice(0)) go()
    for (let i = 0; i < 4; i++) assert.is((await client.chunks()).length, 2)
    await until(() => server.bytesInFlight === 0)
    client.close()
  })
})

test.run()
