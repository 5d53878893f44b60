import { constants } from 'node:fs'
import { open, readFile, writeFile } from 'node:fs/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { exportImage } from '../../src/image/export.ts'
import { importImage } from '../../src/image/import.ts'
import { openSource } from '../../src/image/source.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { failureOf } from '../fixtures/failure.ts'
import { importBytes } from '../fixtures/import-image.ts'
import { noLoopDevices, withLoopDevice } from '../fixtures/loop-device.ts'
import { noise } from '../fixtures/noise.ts'

const test = suite('block devices')
const MiB = 1 << 20
const IMAGE = Buffer.concat([noise('a', MiB + 4096), Buffer.alloc(MiB), noise('b', MiB - 4096)])

const reason = await noLoopDevices()
if (reason !== undefined) console.log(`skipped: ${reason}`)
const onDevices = reason === undefined ? test : test.skip

const both = (store: MemoryStore) => ({ blocks: store, nodes: store })

onDevices('an image is read from a device, all of it and nothing else', () =>
  withLoopDevice(IMAGE.length, async (device) => {
    await writeFile(device, IMAGE, { flag: 'r+' })
    const store = new MemoryStore()
    const source = await openSource(device)
    assert.is(source.size, IMAGE.length)
    const { manifestId, manifest } = await importImage({ sink: store }, { source })
    assert.is(manifest.size, IMAGE.length)
    assert.is(manifestId, (await importBytes(IMAGE)).manifestId)
  }),
)

onDevices('an image is written to a device, its zeros over what was there, and nothing behind it', () =>
  withLoopDevice(IMAGE.length + MiB, async (device, file) => {
    const before = noise('old', IMAGE.length + MiB)
    await writeFile(device, before, { flag: 'r+' })
    const { store, manifestId } = await importBytes(IMAGE)
    await exportImage(both(store), { manifest: manifestId, target: device, wholeDigest: true })
    for (const path of [device, file]) {
      const bytes = await readFile(path)
      assert.ok(bytes.subarray(0, IMAGE.length).equals(IMAGE), path)
      assert.ok(bytes.subarray(IMAGE.length).equals(before.subarray(IMAGE.length)), path)
    }
  }),
)

onDevices('a device that is too small is refused before anything is written', () =>
  withLoopDevice(IMAGE.length - 4096, async (device, file) => {
    const { store, manifestId } = await importBytes(IMAGE)
    const error = await failureOf(exportImage(both(store), { manifest: manifestId, target: device }))
    assert.is(error.code, 'E_STORAGE_FULL', error.message)
    assert.equal(error.data, { bytes: IMAGE.length, roomBytes: IMAGE.length - 4096 })
    assert.ok((await readFile(file)).equals(Buffer.alloc(IMAGE.length - 4096)))
  }),
)

onDevices('a device that somebody holds is refused', () =>
  withLoopDevice(IMAGE.length, async (device) => {
    const { store, manifestId } = await importBytes(IMAGE)
    const holder = await open(device, constants.O_RDWR | constants.O_EXCL)
    const error = await failureOf(exportImage(both(store), { manifest: manifestId, target: device }))
    await holder.close()
    assert.is(error.code, 'E_STATE', error.message)
  }),
)

test.run()
