import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { noise } from '../fixtures/noise.ts'
import { withScratch } from '../fixtures/scratch.ts'
import { writeSparse } from '../fixtures/sparse-file.ts'

const test = suite('huge sparse image')
const MiB = 1 << 20
const TiB = 2 ** 40
const CHILD = fileURLToPath(new URL('../fixtures/huge-sparse-child.ts', import.meta.url))

async function roundTrip(dir: string): Promise<Record<string, unknown>> {
  const { stdout } = await promisify(execFile)(process.execPath, [CHILD, join(dir, 'from'), join(dir, 'to')])
  return JSON.parse(stdout)
}

test('an image of 1 TiB with little in it takes little memory', async () => {
  await withScratch(async (dir) => {
    const data = Array.from({ length: 40 }, (_, i) => ({
      offset: i * 25 * 2 ** 30,
      bytes: noise(`${i}`, MiB),
    }))
    await writeSparse({
      path: join(dir, 'from'),
      size: TiB,
      data: [...data, { offset: TiB - 4, bytes: Buffer.from('tail') }],
    })
    const facts = await roundTrip(dir)
    assert.is(facts['size'], TiB)
    assert.is(facts['tail'], 'tail')
    assert.is(facts['sha256'], null)
    assert.is(facts['newBytes'], 40 * MiB + 4096)
    assert.ok((facts['onDisk'] as number) < 42 * MiB, `${facts['onDisk']} bytes on disk`)
    // The store of the test keeps the 40 MiB; what import and export take is bounded by 200 MB, most of it threads.
    assert.ok((facts['rssGrowth'] as number) < 40 * MiB + 200e6, `${facts['rssGrowth']} bytes more memory`)
  })
})

test.run()
