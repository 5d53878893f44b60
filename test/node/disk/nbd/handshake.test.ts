import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { counted, infoRequest, metaRequest, NbdClient, optionBytes } from '../../../fixtures/nbd-client.ts'
import { disk, sampleDisk, withNbd } from '../../../fixtures/nbd-site.ts'

const test = suite('NBD handshake')
const [ACK, SERVER, INFO, META] = [1, 2, 3, 4]
const [UNSUP, POLICY, INVALID, UNKNOWN, TOO_BIG] = [1, 2, 3, 6, 9].map((code) => 2 ** 31 + code)
const SIZE = 8 * 1024 * 1024 - 1000
const NAME = 'team/debian:12'

function typesOf(replies: readonly { type: number }[]): number[] {
  return replies.map(({ type }) => type)
}

function withClient(task: (client: NbdClient, path: string) => Promise<void>): Promise<void> {
  return withNbd(sampleDisk().disk, async ({ path }) => {
    const client = await NbdClient.greeted(path)
    await task(client, path)
    client.close()
  })
}

test('begins with magic and the flags of the fixed handshake', () =>
  withNbd(sampleDisk().disk, async ({ path }) => {
    const client = await NbdClient.connect({ path })
    const bytes = await client.read(18)
    assert.is(bytes.toString('latin1', 0, 16), 'NBDMAGICIHAVEOPT')
    assert.is(bytes.readUInt16BE(16), 3)
    client.close()
  }))

test('hangs up on flags that it does not know', () =>
  withNbd(sampleDisk().disk, async ({ path }) => {
    const client = await NbdClient.greeted(path, 4)
    assert.is((await client.rest()).length, 0)
    client.close()
  }))

test('EXPORT_NAME begins at once, with 124 zeros for those who want them', () =>
  withNbd(sampleDisk().disk, async ({ path }) => {
    for (const [flags, zeros] of [
      [3, 0],
      [1, 124],
      [0, 124],
    ] as const) {
      const client = await NbdClient.greeted(path, flags)
      client.send(optionBytes(1, Buffer.from(NAME)))
      const bytes = await client.read(10 + zeros)
      assert.is(bytes.readBigUInt64BE(0), BigInt(SIZE))
      // read-only, several connections, CACHE; no DF without structured replies
      assert.is(bytes.readUInt16BE(8), 1 | 2 | 256 | 1024)
      client.close()
    }
  }))

test('EXPORT_NAME of what does not exist, or is no text, ends the connection', () =>
  withNbd(sampleDisk().disk, async ({ path }) => {
    for (const name of [Buffer.from('other'), Buffer.from([0xff]), Buffer.alloc(5000, 97)]) {
      const client = await NbdClient.greeted(path)
      client.send(optionBytes(1, name))
      assert.is((await client.rest()).length, 0)
      client.close()
    }
  }))

test('ABORT is acknowledged, and the end, whatever comes with it', () =>
  withClient(async (client) => {
    assert.equal(typesOf(await client.option(2, Buffer.from('why not'))), [ACK])
    assert.is((await client.rest()).length, 0)
  }))

test('LIST names every export and what it is', () =>
  withNbd(
    () => [sampleDisk().disk, disk({ name: 'b', description: 'ä'.repeat(4000) })],
    async ({ path }) => {
      const client = await NbdClient.greeted(path)
      const replies = await client.option(3)
      assert.equal(typesOf(replies), [SERVER, SERVER, ACK])
      assert.equal(replies[0]?.data, Buffer.concat([counted(NAME), Buffer.from('Debian of the team')]))
      assert.is(replies[1]?.data.toString('utf8', 5), 'ä'.repeat(2048), 'texts are cut between characters')
      assert.equal(typesOf(await client.option(3, Buffer.from([1]))), [INVALID])
      client.close()
    },
  ))

test('INFO gives what is asked for, and the handshake goes on', () =>
  withClient(async (client) => {
    const replies = await client.option(6, infoRequest(NAME, 1, 2, 3, 77))
    assert.equal(typesOf(replies), [INFO, INFO, INFO, INFO, ACK])
    const [info, name, description, sizes] = replies.map(({ data }) => data)
    assert.is(info?.readBigUInt64BE(2), BigInt(SIZE))
    assert.is(name?.toString('utf8', 2), NAME)
    assert.is(description?.toString('utf8', 2), 'Debian of the team')
    assert.equal(
      [2, 6, 10].map((at) => sizes?.readUInt32BE(at)),
      [1, 4096, 32 * 1024 * 1024],
    )
    assert.equal(typesOf(await client.option(6, infoRequest('other'))), [UNKNOWN])
  }))

test('GO begins, and DF is there with structured replies alone', () =>
  withNbd(sampleDisk().disk, async ({ path }) => {
    for (const [structured, flags] of [
      [true, 1 | 2 | 128 | 256 | 1024],
      [false, 1 | 2 | 256 | 1024],
    ] as const) {
      const client = await NbdClient.greeted(path)
      if (structured) assert.equal(typesOf(await client.option(8)), [ACK])
      const [info] = await client.option(7, infoRequest(''))
      assert.is(info?.data.readUInt16BE(10), flags)
      client.close()
    }
  }))

test('the empty name is the first export; names are looked up when they are asked for', async () => {
  const names = ['one']
  await withNbd(
    () => names.map((name) => disk({ name })),
    async ({ path }) => {
      const client = await NbdClient.greeted(path)
      const nameOf = async (asked: string) => (await client.option(6, infoRequest(asked, 1))).at(-2)?.data
      assert.is((await nameOf(''))?.toString('utf8', 2), 'one')
      names.unshift('two')
      assert.is((await nameOf(''))?.toString('utf8', 2), 'two')
      names.length = 0
      assert.equal(typesOf(await client.option(6, infoRequest(''))), [UNKNOWN])
      client.close()
    },
  )
})

test('refuses malformed INFO, and goes on', () =>
  withClient(async (client) => {
    const whole = infoRequest(NAME, 1, 3)
    const long = infoRequest('n'.repeat(4097))
    const bad = [Buffer.alloc(0), whole.subarray(0, -1), Buffer.concat([whole, Buffer.alloc(1)]), long]
    const nul = infoRequest('a\0b')
    const count = Buffer.from(whole)
    count.writeUInt32BE(0xffffffff)
    for (const data of [...bad, nul, count]) assert.equal(typesOf(await client.option(6, data)), [INVALID])
    assert.is((await client.option(6, infoRequest('n'.repeat(4096)))).at(-1)?.type, UNKNOWN)
    assert.equal(typesOf(await client.option(8, Buffer.from([0]))), [INVALID])
    assert.is((await client.option(6, whole)).at(-1)?.type, ACK)
  }))

test('options that are not known are unsupported, with their data read past', () =>
  withClient(async (client) => {
    for (const option of [4, 11, 12, 0xffffffff]) {
      const [reply] = await client.option(option, Buffer.alloc(3000))
      assert.is(reply?.type, UNSUP)
      assert.is(reply?.option, option)
    }
    assert.equal(typesOf(await client.option(5)), [POLICY])
    assert.is((await client.option(3)).at(-1)?.type, ACK)
  }))

test('options that are too long are read past up to a bound', () =>
  withClient(async (client, path) => {
    assert.equal(typesOf(await client.option(6, Buffer.alloc(1024 * 1024))), [TOO_BIG])
    assert.is((await client.option(3)).at(-1)?.type, ACK)
    const other = await NbdClient.greeted(path)
    other.send(optionBytes(6, Buffer.alloc(16), 0xffffffff))
    assert.is((await other.rest()).length, 0)
    other.close()
  }))

test('ends after more options than anybody needs', () =>
  withClient(async (client) => {
    for (let i = 0; i < 1025; i++) client.send(optionBytes(99))
    const bytes = await client.rest()
    const one = bytes.readUInt32BE(16) + 20
    assert.ok(bytes.length > 0 && bytes.length <= 1024 * one)
  }))

test('what does not begin as an option ends the connection', () =>
  withClient(async (client) => {
    client.send(Buffer.from('GET / HTTP/1.1\r\n\r\n'))
    assert.is((await client.rest()).length, 0)
  }))

test('lists contexts by name, by namespace, and all of them', () =>
  withClient(async (client) => {
    assert.equal(typesOf(await client.option(9, metaRequest(NAME))), [INVALID], 'not without structure')
    await client.option(8)
    const list = async (...queries: string[]) => {
      const replies = await client.option(9, metaRequest(NAME, ...queries))
      assert.is(replies.at(-1)?.type, ACK)
      return replies.slice(0, -1).map(({ data }) => data.toString('utf8', 4))
    }
    const both = ['base:allocation', 'x-bootswarm:cached']
    assert.equal(await list(), both)
    assert.equal(await list('base:'), both.slice(0, 1))
    assert.equal(await list('x-bootswarm:', 'base:allocation'), both)
    assert.equal(await list('qemu:dirty-bitmap:x', 'base:other', 'base:allocationx'), [])
    assert.equal(typesOf(await client.option(9, metaRequest(NAME, 'allocation'))), [INVALID])
    assert.equal(typesOf(await client.option(9, metaRequest('other'))), [UNKNOWN])
  }))

test('selects contexts by their whole names', () =>
  withClient(async (client) => {
    await client.option(8)
    const replies = await client.option(
      10,
      metaRequest(NAME, 'x-bootswarm:cached', 'base:allocation', 'base:'),
    )
    assert.equal(typesOf(replies), [META, META, ACK])
    assert.equal(
      replies.slice(0, -1).map(({ data }) => [data.readUInt32BE(0), data.toString('utf8', 4)]),
      [
        [1, 'base:allocation'],
        [2, 'x-bootswarm:cached'],
      ],
    )
    assert.equal(typesOf(await client.option(10, metaRequest(NAME, 'base:'))), [ACK])
    const lying = metaRequest(NAME, 'base:allocation')
    lying.writeUInt32BE(0xffffffff, 4 + NAME.length)
    assert.equal(typesOf(await client.option(10, lying)), [INVALID])
  }))

test.run()
