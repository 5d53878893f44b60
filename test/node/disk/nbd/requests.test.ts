import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { BusyError } from '../../../../src/core/errors.ts'
import { until } from '../../../fixtures/hosts.ts'
import { infoRequest, metaRequest, NbdClient, requestBytes } from '../../../fixtures/nbd-client.ts'
import { disk, RecordingObserver, sampleDisk, withNbd } from '../../../fixtures/nbd-site.ts'

const test = suite('NBD requests')
const KiB = 1024
const MiB = 1024 * KiB
const [READ, WRITE, DISC, FLUSH, TRIM, CACHE, ZEROES, STATUS] = [0, 1, 2, 3, 4, 5, 6, 7]
const [DF, REQ_ONE] = [4, 8]
const [DATA, HOLE] = [1, 2]
const [EPERM, EIO, EINVAL, EOVERFLOW] = [1, 5, 22, 75]

test('reads data and holes as chunks in their order, the last of which ends the reply', () => {
  const { disk: sample, bytes } = sampleDisk()
  return withNbd(sample, async ({ path }) => {
    const client = await NbdClient.serving(path)
    const [offset, length] = [MiB - 5000, MiB + 10_000]
    client.send(requestBytes({ command: READ, cookie: 0xfedcba9876543210n, offset: BigInt(offset), length }))
    const chunks = await client.chunks()
    assert.equal(
      chunks.map(({ type, isLast, cookie }) => [type, isLast, cookie]),
      [HOLE, DATA, HOLE].map((type, i) => [type, i === 2, 0xfedcba9876543210n]),
    )
    assert.is(chunks[0]?.data.readBigUInt64BE(0), BigInt(offset))
    assert.is(chunks[0]?.data.readUInt32BE(8), 5000)
    assert.is(chunks[1]?.data.readBigUInt64BE(0), BigInt(MiB))
    assert.equal(chunks[1]?.data.subarray(8), bytes.subarray(MiB, 2 * MiB))
    assert.is(chunks[2]?.data.readUInt32BE(8), 5000)
    client.close()
  })
})

test('reads with DF are one chunk, with zeros in it or as one hole', () => {
  const { disk: sample, bytes } = sampleDisk()
  return withNbd(sample, async ({ path }) => {
    const client = await NbdClient.serving(path)
    client.send(requestBytes({ command: READ, flags: DF, offset: BigInt(MiB - 5000), length: 10_000 }))
    const [chunk, ...more] = await client.chunks()
    assert.is(more.length, 0)
    assert.equal(chunk?.data.subarray(8), bytes.subarray(MiB - 5000, MiB + 5000))
    client.send(requestBytes({ command: READ, flags: DF, length: 8192 }))
    assert.equal(
      (await client.chunks()).map(({ type }) => type),
      [HOLE],
    )
    client.close()
  })
})

test('simple replies have all bytes, zeros included', () => {
  const { disk: sample, bytes } = sampleDisk()
  return withNbd(sample, async ({ path }) => {
    const client = await NbdClient.serving(path, { structured: false })
    client.send(requestBytes({ command: READ, cookie: 7n, length: bytes.length }))
    assert.equal(await client.simpleReply(), { error: 0, cookie: 7n })
    assert.ok((await client.read(bytes.length)).equals(bytes))
    client.send(requestBytes({ command: READ, flags: DF, length: 1 }))
    assert.is((await client.simpleReply()).error, EINVAL)
    client.close()
  })
})

test('joins pieces of one kind, and sends short zeros as bytes', () =>
  withNbd(
    disk({
      read: () => [
        Buffer.from('ab'),
        { zeros: 100 },
        new Uint8Array(0),
        Buffer.from('cd'),
        { zeros: 3000 },
        { zeros: 2000 },
      ],
    }),
    async ({ path }) => {
      const client = await NbdClient.serving(path)
      client.send(requestBytes({ command: READ, length: 5104 }))
      const chunks = await client.chunks()
      assert.equal(
        chunks.map(({ type }) => type),
        [DATA, HOLE],
      )
      assert.is(chunks[0]?.data.toString('latin1', 8), `ab${'\0'.repeat(100)}cd`)
      assert.is(chunks[1]?.data.readUInt32BE(8), 5000)
      client.close()
    },
  ))

test('answers later requests before earlier ones whose bytes are not there', () => {
  const first = Promise.withResolvers<Buffer[]>()
  const read = (offset: number, length: number) => (offset === 0 ? first.promise : [Buffer.alloc(length, 1)])
  return withNbd(disk({ read }), async ({ path, server }) => {
    const client = await NbdClient.serving(path)
    client.send(requestBytes({ command: READ, cookie: 1n, length: MiB }))
    client.send(requestBytes({ command: READ, cookie: 2n, offset: 4096n, length: 512 }))
    assert.is((await client.chunk()).cookie, 2n)
    await until(() => server.bytesInFlight === MiB - 256 * KiB)
    first.resolve([Buffer.alloc(MiB, 2)])
    assert.is((await client.chunk()).cookie, 1n)
    client.close()
  })
})

test('ranges that are empty, too long or past the end are invalid, and say so', () =>
  withNbd(disk({ size: 64 * MiB }), async ({ path }) => {
    const client = await NbdClient.serving(path, { name: 'odd', contexts: ['base:allocation'] })
    const error = async (init: Parameters<typeof requestBytes>[0]) => {
      client.send(requestBytes(init))
      return (await client.errorReply()).error
    }
    for (const command of [READ, CACHE, STATUS]) {
      assert.is(await error({ command, length: 0 }), EINVAL)
      assert.is(await error({ command, offset: BigInt(64 * MiB - 1), length: 2 }), EINVAL)
      assert.is(await error({ command, offset: 2n ** 64n - 1n, length: 1 }), EINVAL)
      assert.is(await error({ command, offset: 2n ** 53n, length: 512 }), EINVAL)
      assert.is(await error({ command, flags: 1, length: 512 }), EINVAL)
    }
    for (const command of [READ, CACHE]) assert.is(await error({ command, length: 32 * MiB + 1 }), EINVAL)
    assert.is(await error({ command: READ, flags: DF, length: 32 * MiB + 1 }), EOVERFLOW)
    client.send(requestBytes({ command: READ, length: 0 }))
    assert.match((await client.errorReply()).message, 'empty')
    client.close()
  }))

test('what would write is not permitted, and its payload is read past', () =>
  withNbd(disk({}), async ({ path }) => {
    for (const structured of [true, false]) {
      const client = await NbdClient.serving(path, { structured })
      const error = async () =>
        structured ? (await client.errorReply()).error : (await client.simpleReply()).error
      client.send(requestBytes({ command: WRITE, length: MiB }))
      client.send(Buffer.alloc(MiB, 0x25))
      assert.is(await error(), EPERM)
      for (const command of [TRIM, ZEROES]) {
        client.send(requestBytes({ command, length: 512 }))
        assert.is(await error(), EPERM)
      }
      for (const command of [8, 9, 0xffff]) {
        client.send(requestBytes({ command }))
        assert.is(await error(), EINVAL)
      }
      client.send(requestBytes({ command: FLUSH, cookie: 5n }))
      if (structured) assert.is((await client.chunk()).type, 0)
      else assert.is((await client.simpleReply()).error, 0)
      client.close()
    }
  }))

test('a write of more than anybody sends, and what is no request, end the connection', () =>
  withNbd(disk({}), async ({ path }) => {
    for (const bytes of [requestBytes({ command: WRITE, length: 2 ** 32 - 1 }), Buffer.alloc(28, 1)]) {
      const client = await NbdClient.serving(path)
      client.send(bytes)
      assert.is((await client.rest()).length, 0)
      client.close()
    }
  }))

test('tells extents of each context that was selected', () => {
  const { disk: sample, bytes } = sampleDisk()
  return withNbd(sample, async ({ path }) => {
    const contexts = ['base:allocation', 'x-bootswarm:cached']
    const client = await NbdClient.serving(path, { name: sample.name, contexts })
    client.send(requestBytes({ command: STATUS, length: bytes.length }))
    const chunks = await client.chunks()
    const read = (data: Buffer) =>
      Array.from({ length: (data.length - 4) / 8 }, (_, i) => [
        data.readUInt32BE(4 + 8 * i),
        data.readUInt32BE(8 + 8 * i),
      ])
    assert.equal(
      chunks.map(({ type, data }) => [type, data.readUInt32BE(0)]),
      [
        [5, 1],
        [5, 2],
      ],
    )
    const rest = bytes.length - 5 * MiB
    const holes = [MiB, MiB, 2 * MiB, MiB, rest].map((length, i) => [length, i % 2 === 0 ? 3 : 0])
    assert.equal(read(chunks[0]?.data ?? Buffer.alloc(4)), holes)
    assert.equal(read(chunks[1]?.data ?? Buffer.alloc(4)), [[bytes.length, 1]])
    client.send(requestBytes({ command: STATUS, flags: REQ_ONE, offset: 100n, length: 200 }))
    assert.equal(read((await client.chunks())[0]?.data ?? Buffer.alloc(4)), [[200, 3]])
    client.close()
  })
})

test('extents are joined, cut to the range, and bounded in number', () => {
  const many = Array.from({ length: 20_000 }, (_, i) => ({ length: 512, flags: i % 2 }))
  const extents = [
    { length: 100, flags: 0 },
    { length: 100, flags: 0 },
    { length: MiB, flags: 3 },
  ]
  const answers = [extents, many]
  return withNbd(disk({ extents: () => answers.shift() ?? [] }), async ({ path }) => {
    const client = await NbdClient.serving(path, { name: 'odd', contexts: ['base:allocation'] })
    client.send(requestBytes({ command: STATUS, length: 1000 }))
    const [chunk] = await client.chunks()
    assert.equal(
      [4, 8, 12, 16].map((at) => chunk?.data.readUInt32BE(at)),
      [200, 0, 800, 3],
    )
    client.send(requestBytes({ command: STATUS, length: 64 * MiB }))
    assert.is((await client.chunk()).data.length, 4 + 8 * 8192)
    client.send(requestBytes({ command: STATUS, length: 512 }))
    assert.is((await client.errorReply()).error, EIO, 'a disk without extents is a defect')
    client.close()
  })
})

test('nothing is told of contexts that were not selected for this export', () =>
  withNbd(
    () => [disk({ name: 'a' }), disk({ name: 'b' })],
    async ({ path }) => {
      const client = await NbdClient.greeted(path)
      await client.option(8)
      await client.option(10, metaRequest('b', 'base:allocation'))
      await client.option(7, infoRequest('a'))
      client.send(requestBytes({ command: STATUS, length: 512 }))
      assert.is((await client.errorReply()).error, EINVAL)
      client.close()
    },
  ))

test('CACHE is answered when the range is local; too many at a time are not followed', () => {
  const local = Promise.withResolvers<void>()
  let begun = 0
  const prefetch = () => {
    begun += 1
    return local.promise
  }
  return withNbd(disk({ prefetch }), async ({ path }) => {
    const client = await NbdClient.serving(path)
    for (let i = 0; i < 33; i++) client.send(requestBytes({ command: CACHE, cookie: BigInt(i), length: 512 }))
    assert.is((await client.chunk()).cookie, 32n)
    assert.is(begun, 32)
    local.resolve()
    for (let i = 0; i < 32; i++) assert.is((await client.chunk()).cookie, BigInt(i))
    client.close()
  })
})

test('a disk that cannot answer is EIO, with its reason, and never other bytes', () => {
  const failures: (() => Buffer[] | Promise<Buffer[]>)[] = [
    () => Promise.reject(new BusyError('every source is lost')),
    () => {
      throw new BusyError('at once')
    },
    () => Promise.reject(new TypeError('secret')),
    () => [Buffer.alloc(511)],
    () => Promise.resolve([Buffer.alloc(513)]),
  ]
  return withNbd(disk({ read: () => failures.shift()?.() ?? [] }), async ({ path }) => {
    const client = await NbdClient.serving(path)
    const messages: string[] = []
    for (let i = 0; i < 5; i++) {
      client.send(requestBytes({ command: READ, length: 512 }))
      const { error, message } = await client.errorReply()
      assert.is(error, EIO)
      messages.push(message)
    }
    assert.equal(messages.slice(0, 3), ['every source is lost', 'at once', 'a defect of the node'])
    assert.match(messages[3] ?? '', '511')
    client.close()
  })
})

test('tells its observer of every answer', () => {
  const observer = new RecordingObserver()
  const task = async ({ path }: { path: string }) => {
    const client = await NbdClient.serving(path)
    client.send(requestBytes({ command: READ, length: 4096 }))
    await client.chunks()
    client.send(requestBytes({ command: TRIM, length: 512 }))
    await client.chunks()
    client.send(requestBytes({ command: DISC }))
    assert.is((await client.rest()).length, 0)
    client.close()
    assert.equal(
      observer.answers.map(({ command, bytes, error }) => [command, bytes, error]),
      [
        ['read', 4096, 0],
        ['trim', 512, EPERM],
      ],
    )
    assert.ok(observer.answers.every(({ seconds }) => seconds >= 0 && seconds < 10))
  }
  return withNbd(disk({}), task, { observer })
})

test.run()
