import { mkdir, mkdtemp, open, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { firstDifference } from '../../testnet/images/compare.ts'
import { checkE2fsprogs, makeExt4 } from '../../testnet/images/ext4.ts'
import { makeImagePair } from '../../testnet/images/images.ts'
import { PageSet } from '../../testnet/images/pages.ts'
import { fillCompressible, seededRandom } from '../../testnet/images/random.ts'
import { failureOf } from '../fixtures/failure.ts'

const MiB = 1024 * 1024
const test = suite<{ dir: string }>('testnet images')

test.before.each(async (context) => {
  context.dir = await mkdtemp(join(tmpdir(), 'bs-images-'))
})
test.after.each(({ dir }) => rm(dir, { recursive: true, force: true }))

const available = await checkE2fsprogs().then(
  () => true,
  (error: Error) => console.log(`skipped: ${error.message}`),
)
const withExt4 = available === true ? test : test.skip

/** A tree of 60 directories of small files with content from a seed: a machine of its own. */
async function makeMachine(dir: string): Promise<string> {
  const random = seededRandom(7)
  const root = join(dir, 'machine')
  for (let i = 0; i < 60; i++) {
    await mkdir(join(root, `d${i}`), { recursive: true })
    for (let j = 0; j < 8; j++) {
      const bytes = Buffer.alloc(Math.floor(random() * 90_000))
      fillCompressible(bytes, random)
      await writeFile(join(root, `d${i}`, `f${j}`), bytes)
    }
  }
  return root
}

withExt4('makes two ext4 images, the second a changed version that shares most pages', async ({ dir }) => {
  const root = await makeMachine(dir)
  const pair = await makeImagePair({ dir: join(dir, 'out'), sizeBytes: 24 * MiB, seed: 1, roots: [root] })
  for (const { path, sizeBytes } of [pair.first, pair.second]) {
    assert.is(sizeBytes, 24 * MiB)
    const magic = Buffer.alloc(2)
    const file = await open(path)
    await file.read(magic, 0, 2, 1024 + 56)
    await file.close()
    assert.is(magic.readUInt16LE(), 0xef53)
    assert.ok((await stat(path)).blocks * 512 < sizeBytes, 'holes are holes')
  }
  assert.ok(pair.first.pages.nonZeroBytes > 8 * MiB)
  const share = pair.second.pages.newBytes / pair.second.pages.nonZeroBytes
  assert.ok(share > 0.01 && share < 0.5, `${share} of the second image is new`)
})

withExt4('makes the same image of the same tree again', async ({ dir }) => {
  const tree = await makeMachine(dir)
  for (const name of ['a', 'b']) await makeExt4({ tree, target: join(dir, name), sizeBytes: 48 * MiB })
  const pages = new PageSet()
  await pages.addFile(join(dir, 'a'))
  const again = await pages.addFile(join(dir, 'b'))
  // Reading a file the first time may change its access time, which the inode tables hold.
  assert.ok(again.newBytes < 0.01 * again.nonZeroBytes, `${again.newBytes} bytes differ`)
})

withExt4('says why when the files do not fit', async ({ dir }) => {
  const tree = await makeMachine(dir)
  const error = await failureOf(makeExt4({ tree, target: join(dir, 'a'), sizeBytes: 4 * MiB }))
  assert.is(error.code, 'E_STATE')
  assert.match(error.message, /mke2fs could not build/)
})

test("changes a copy of the user's own image and leaves the original alone", async ({ dir }) => {
  const image = join(dir, 'own.raw')
  const bytes = Buffer.alloc(32 * MiB)
  fillCompressible(bytes.subarray(0, 20 * MiB), seededRandom(3))
  await writeFile(image, bytes)
  const pair = await makeImagePair({ dir: join(dir, 'out'), sizeBytes: 0, seed: 1, image })
  assert.is(pair.first.path, image)
  assert.ok(bytes.equals(await readFile(image)))
  assert.is(pair.second.sizeBytes, bytes.length)
  assert.ok(pair.second.pages.newBytes > 0)
  assert.ok(pair.second.pages.newBytes < 0.2 * bytes.length)
})

test('says which image is missing', async ({ dir }) => {
  const error = await failureOf(makeImagePair({ dir, sizeBytes: 0, seed: 1, image: join(dir, 'no') }))
  assert.is(error.code, 'E_NOT_FOUND')
})

test('counts pages: zero pages not at all, others once, those of earlier images as known', async ({
  dir,
}) => {
  const page = (fill: number) => Buffer.alloc(4096, fill)
  await writeFile(join(dir, 'a'), Buffer.concat([page(1), page(0), page(2), page(1)]))
  await writeFile(join(dir, 'b'), Buffer.concat([page(2), page(3), page(3), Buffer.from('tail')]))
  const pages = new PageSet()
  const first = await pages.addFile(join(dir, 'a'))
  const second = await pages.addFile(join(dir, 'b'))
  assert.equal(first, { nonZeroBytes: 12288, uniqueBytes: 8192, newBytes: 8192 })
  assert.equal(second, { nonZeroBytes: 12292, uniqueBytes: 8196, newBytes: 4100 })
})

test('finds the first byte that differs, also past the end of the shorter file', async ({ dir }) => {
  const bytes = Buffer.alloc(3 * MiB, 5)
  const [a, b] = [join(dir, 'a'), join(dir, 'b')] as const
  await writeFile(a, bytes)
  await writeFile(b, bytes)
  assert.is(await firstDifference(a, b), undefined)
  bytes[2 * MiB + 17] = 6
  await writeFile(b, bytes)
  assert.is(await firstDifference(a, b), 2 * MiB + 17)
  await truncate(b, MiB)
  assert.is(await firstDifference(a, b), MiB)
  await truncate(a, MiB)
  assert.is(await firstDifference(a, b), undefined)
})

test.run()
