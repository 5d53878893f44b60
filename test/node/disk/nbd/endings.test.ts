import { stat } from 'node:fs/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { NBD_DRAIN_MS } from '../../../../src/core/disk-limits.ts'
import { failureOf } from '../../../fixtures/failure.ts'
import { FakeClock } from '../../../fixtures/fake-clock.ts'
import { until } from '../../../fixtures/hosts.ts'
import { infoRequest, NbdClient, optionBytes, requestBytes } from '../../../fixtures/nbd-client.ts'
import { disk, waitingDisk, withNbd } from '../../../fixtures/nbd-site.ts'

const test = suite('the end of NBD servers and sockets')
const MiB = 1024 * 1024
const [READ, DISC, CACHE] = [0, 2, 5]
const ESHUTDOWN = 108
const SHUTDOWN = 2 ** 31 + 7

test('a disk that is taken away ends what is under way, and refuses the rest', () => {
  const { disk: slow, state } = waitingDisk()
  return withNbd(slow, async ({ path, listener }) => {
    const client = await NbdClient.serving(path)
    const choosing = await NbdClient.greeted(path)
    const naming = await NbdClient.greeted(path)
    client.send(requestBytes({ command: READ, length: 4096 }))
    await until(() => state.begun === 1)
    const closed = listener.close()
    assert.equal(await client.errorReply(), { error: ESHUTDOWN, message: 'the disk was taken away' })
    for (const command of [READ, CACHE]) {
      client.send(requestBytes({ command, length: 512 }))
      assert.is((await client.errorReply()).error, ESHUTDOWN)
    }
    assert.is(state.begun, 1)
    const [reply] = await choosing.option(7, infoRequest(''))
    assert.equal([reply?.type, reply?.data.toString()], [SHUTDOWN, 'the disk was taken away'])
    assert.is((await choosing.rest()).length, 0)
    naming.send(optionBytes(1, Buffer.from('odd')))
    assert.is((await naming.rest()).length, 0)
    client.send(requestBytes({ command: DISC }))
    await client.rest()
    for (const each of [client, choosing, naming]) each.close()
    await closed
    await failureOf(stat(path))
  })
})

test('a socket that comes about while the server stops is not left behind', () =>
  withNbd(disk({}), async ({ path, server, listener }) => {
    const other = `${path}-other`
    const listening = failureOf(server.listenAtPath(other, () => [disk({})]))
    await server.stop()
    assert.is((await listening).code, 'E_STATE')
    await failureOf(stat(other))
    assert.is(server.connections, 0)
    assert.is((await failureOf(server.listenAtPath(other, () => []))).code, 'E_STATE')
    await listener.close()
  }))

test('a request that waits for room is refused when its disk is taken away, and holds up nobody', () => {
  const { disk: slow, letGo, state } = waitingDisk()
  const { disk: gone } = waitingDisk()
  return withNbd(slow, async ({ path, server }) => {
    const other = `${path}-gone`
    const listener = await server.listenAtPath(other, () => [gone])
    const greedy = await Promise.all(Array.from({ length: 4 }, () => NbdClient.serving(path)))
    for (const client of greedy) client.send(requestBytes({ command: READ, length: 10 * MiB }))
    await until(() => state.begun === 4)
    const first = await NbdClient.serving(other)
    first.send(requestBytes({ command: READ, length: 12 * MiB, cookie: 7n }))
    await until(() => server.connectionsWaiting === 1)
    const second = await NbdClient.serving(path)
    second.send(requestBytes({ command: READ, length: 5 * MiB }))
    await until(() => server.connectionsWaiting === 2)
    const closed = listener.close()
    assert.is((await first.errorReply()).error, ESHUTDOWN)
    // 5 MiB are left of what all may have
    await until(() => state.begun === 5)
    letGo()
    for (const client of [...greedy, first, second]) client.close()
    await closed
  })
})

test('a server that stops answers what is under way, tells nobody of errors, and hangs up', () => {
  const { disk: slow, letGo, state } = waitingDisk()
  return withNbd(slow, async ({ path, server }) => {
    const client = await NbdClient.serving(path)
    client.send(requestBytes({ command: READ, length: 4096 }))
    await until(() => state.begun === 1)
    const stopped = server.stop()
    client.send(requestBytes({ command: READ, length: 512 }))
    letGo()
    assert.is((await client.rest()).length, 32)
    client.close()
    await stopped
    await until(() => server.connections === 0)
  })
})

test('a server that stops does not wait for long', () => {
  const clock = new FakeClock()
  const { disk: slow, state } = waitingDisk()
  const task = async ({ path, server }: { path: string; server: { stop(): Promise<void> } }) => {
    const client = await NbdClient.serving(path)
    client.send(requestBytes({ command: READ, length: 4096 }))
    await until(() => state.begun === 1)
    const stopped = server.stop()
    await clock.advance(NBD_DRAIN_MS)
    await stopped
    assert.is(state.givenUp, 1)
    assert.is((await client.rest()).length, 0)
    client.close()
  }
  return withNbd(slow, task, { clock })
})

test.run()
