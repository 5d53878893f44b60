import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { dataRanges } from '../../src/image/sparse-map.ts'
import { noise } from '../fixtures/noise.ts'
import { withScratch } from '../fixtures/scratch.ts'
import { writeSparse } from '../fixtures/sparse-file.ts'

const test = suite('sparse map')
const MiB = 1 << 20

async function rangesOf(path: string, size: number) {
  const handle = await open(path, 'r')
  try {
    return await dataRanges(handle.fd, size)
  } finally {
    await handle.close()
  }
}

test('gives the ranges that hold data, short holes with them', async () => {
  await withScratch(async (dir) => {
    const path = join(dir, 'file')
    const bytes = noise('x', 4096)
    const at = (offset: number) => ({ offset, bytes })
    await writeSparse({ path, size: 2 ** 40, data: [at(0), at(8192), at(5 * MiB), at(2 ** 39)] })
    assert.equal(await rangesOf(path, 2 ** 40), [
      { start: 0, end: 12_288 },
      { start: 5 * MiB, end: 5 * MiB + 4096 },
      { start: 2 ** 39, end: 2 ** 39 + 4096 },
    ])
  })
})

test('data that was appended after the size was taken is left out', async () => {
  await withScratch(async (dir) => {
    const path = join(dir, 'file')
    await writeSparse({ path, size: 10 * MiB, data: [{ offset: 5 * MiB, bytes: noise('x', MiB) }] })
    assert.equal(await rangesOf(path, 5 * MiB + 10), [{ start: 5 * MiB, end: 5 * MiB + 10 }])
  })
})

test('everything is data where nothing can find holes', async () => {
  const path = process.env['PATH']
  process.env['PATH'] = '/nowhere'
  try {
    await withScratch(async (dir) => {
      await writeSparse({ path: join(dir, 'file'), size: MiB, data: [] })
      assert.equal(await rangesOf(join(dir, 'file'), MiB), [{ start: 0, end: MiB }])
    })
  } finally {
    process.env['PATH'] = path
  }
})

test.run()
