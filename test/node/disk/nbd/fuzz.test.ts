import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ByteQueue } from '../../../../node/disk/nbd/byte-queue.ts'
import type { NbdServer } from '../../../../node/disk/nbd/server.ts'
import { until } from '../../../fixtures/hosts.ts'
import {
  counted,
  infoRequest,
  metaRequest,
  NbdClient,
  optionBytes,
  requestBytes,
} from '../../../fixtures/nbd-client.ts'
import { sampleDisk, withNbd } from '../../../fixtures/nbd-site.ts'

const test = suite('NBD fuzz')
const NAME = 'team/debian:12'
const RUNS = 150

/** Numbers that bounds are about, and any other. */
const length32 = fc.oneof(
  fc.constantFrom(0, 1, 511, 4096, 65_536, 65_537, 2 ** 25, 2 ** 25 + 1, 2 ** 31, 2 ** 32 - 1),
  fc.nat(2 ** 24),
)
const offset64 = fc.oneof(
  fc.constantFrom(0n, 1n, 8_387_607n, 8_387_608n, 2n ** 32n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n),
  fc.bigInt(0n, 2n ** 64n - 1n),
)
const bytes = fc.uint8Array({ maxLength: 300 }).map((data) => Buffer.from(data))
const optionData = fc.oneof(
  bytes,
  fc.constantFrom(
    infoRequest(NAME, 1, 2, 3),
    infoRequest(''),
    metaRequest(NAME, 'base:allocation'),
    counted(NAME),
    Buffer.from(NAME),
    Buffer.alloc(0),
  ),
)
const option = fc
  .record({ option: fc.oneof(fc.nat(12), fc.nat()), data: optionData, lie: fc.option(length32, { freq: 8 }) })
  .map(({ option, data, lie }) => optionBytes(option, data, lie ?? data.length))
const request = fc
  .record({
    command: fc.nat(9),
    flags: fc.constantFrom(0, 1, 4, 8, 0xffff),
    offset: offset64,
    length: length32,
  })
  .map(requestBytes)
/** How the client leaves. */
const ending = fc.constantFrom('destroy', 'end', 'disc')

/** Sends `input` in pieces, reads what comes, leaves, and waits until nothing of it is left. */
async function play(
  { server, path }: { server: NbdServer; path: string },
  init: { input: Buffer; cut: number; ending: string; serving: boolean },
): Promise<void> {
  const { input, cut, serving } = init
  const contexts = ['base:allocation', 'x-bootswarm:cached']
  const client = serving
    ? await NbdClient.serving(path, { name: NAME, contexts })
    : await NbdClient.connect({ path })
  client.send(input.subarray(0, cut))
  await new Promise((resolve) => setImmediate(resolve))
  client.send(input.subarray(cut))
  if (init.ending === 'destroy') client.close()
  else {
    if (init.ending === 'disc') client.send(requestBytes({ command: 2 }))
    client.socket.end()
    await client.rest()
    client.close()
  }
  await until(() => server.connections === 0)
  assert.is(server.bytesInFlight, 0)
}

/** The server still serves. */
async function alive(path: string): Promise<void> {
  const client = await NbdClient.serving(path)
  client.send(requestBytes({ command: 0, length: 512 }))
  assert.is((await client.chunks()).length, 1)
  client.close()
}

test('no handshake brings a server down, or leaves anything', () =>
  withNbd(sampleDisk().disk, async (place) => {
    const flags = fc.constantFrom(
      Buffer.from([0, 0, 0, 3]),
      Buffer.from([0, 0, 0, 1]),
      Buffer.from([9, 9, 9, 9]),
    )
    const input = fc
      .tuple(flags, fc.array(fc.oneof({ weight: 8, arbitrary: option }, bytes, request), { maxLength: 12 }))
      .map(([head, rest]) => Buffer.concat([head, ...rest]))
    await fc.assert(
      fc.asyncProperty(input, fc.nat(2000), ending, (all, cut, leave) =>
        play(place, { input: all, cut, ending: leave, serving: false }),
      ),
      { numRuns: RUNS },
    )
    await alive(place.path)
  }))

test('no request brings a server down, or leaves anything', () =>
  withNbd(sampleDisk().disk, async (place) => {
    const input = fc
      .array(fc.oneof({ weight: 12, arbitrary: request }, bytes), { maxLength: 30 })
      .map((parts) => Buffer.concat(parts))
    await fc.assert(
      fc.asyncProperty(input, fc.nat(2000), ending, (all, cut, leave) =>
        play(place, { input: all, cut, ending: leave, serving: true }),
      ),
      { numRuns: RUNS },
    )
    await alive(place.path)
  }))

test('bytes come out of a queue as they went in, however they are cut', () => {
  fc.assert(
    fc.property(fc.array(bytes), fc.array(fc.nat(400)), (chunks, counts) => {
      const queue = new ByteQueue()
      for (const chunk of chunks) queue.push(chunk)
      const all = Buffer.concat(chunks)
      let at = 0
      for (const [i, count] of counts.entries()) {
        if (i % 3 === 2) {
          at += queue.skip(count)
          continue
        }
        const taken = queue.take(count)
        if (taken === undefined) assert.ok(count > all.length - at)
        else assert.ok(taken.equals(all.subarray(at, at + count)))
        at += taken?.length ?? 0
      }
      assert.is(queue.length, all.length - at)
    }),
  )
})

test.run()
