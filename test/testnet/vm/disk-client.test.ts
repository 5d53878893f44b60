import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { DiskClient } from '../../../testnet/vm/disk-client.ts'
import { disk, sampleDisk, waitingDisk, withNbd } from '../../fixtures/nbd-site.ts'

const test = suite('disk client')
const TIMEOUT_MS = 10_000

test('reads ranges, many at a time', async () => {
  const { disk: sample, bytes } = sampleDisk()
  await withNbd(sample, async ({ path }) => {
    const client = await DiskClient.open({ socket: path, name: sample.name, timeoutMs: TIMEOUT_MS })
    const ranges = Array.from({ length: 40 }, (_, i) => [i * 200_000, 1 + i * 3000] as const)
    const read = await Promise.all(ranges.map(([offset, length]) => client.read(offset, length)))
    for (const [i, [offset, length]] of ranges.entries())
      assert.ok(read[i]?.equals(bytes.subarray(offset, offset + length)), `${length} bytes at ${offset}`)
    client.close()
  })
})

test('an answer that is an error fails its read alone', async () => {
  const broken = disk({
    read: async (offset, length) => (offset === 0 ? Promise.reject(new RangeError()) : [{ zeros: length }]),
  })
  await withNbd(broken, async ({ path }) => {
    const client = await DiskClient.open({ socket: path, name: broken.name, timeoutMs: TIMEOUT_MS })
    const [bad, good] = await Promise.all([client.read(0, 512).catch((error) => error), client.read(512, 8)])
    assert.is(bad.code, 'E_PROTOCOL')
    assert.equal(good, Buffer.alloc(8))
    client.close()
  })
})

test('reads end with the connection, those that come later too', async () => {
  const { disk: waiting } = waitingDisk()
  await withNbd(waiting, async ({ path }) => {
    const client = await DiskClient.open({ socket: path, name: waiting.name, timeoutMs: TIMEOUT_MS })
    const reading = client.read(0, 512).catch((error) => error)
    client.close()
    assert.instance(await reading, Error)
    assert.instance(await client.read(0, 512).catch((error) => error), Error)
  })
})

test('a disk that nobody offers is none', async () => {
  const { disk: sample } = sampleDisk()
  await withNbd(sample, async ({ path }) => {
    const opening = DiskClient.open({ socket: path, name: 'another', timeoutMs: TIMEOUT_MS })
    assert.is(await opening.then(String, (error) => error.code), 'E_PROTOCOL')
  })
})

test.run()
