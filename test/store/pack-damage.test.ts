import { truncate } from 'node:fs/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { encodeFrame } from '../../src/core/frame-codec.ts'
import { readError } from '../../src/store/storage-errors.ts'
import { noise } from '../fixtures/noise.ts'
import { failsWith, packPaths, withStore } from '../fixtures/pack-dir.ts'
import { withScratch } from '../fixtures/scratch.ts'

const test = suite('packs that lost bytes')
const FRAMES = ['first', 'second', 'third'].map((seed) => encodeFrame(noise(seed, 9000)))

test('what a shorter pack has no more is damage, however it is read; the rest is read', () =>
  withScratch((dir) =>
    withStore({ dir }, async (store) => {
      const [first, second, third] = FRAMES
      assert.ok(first && second && third)
      await store.put(FRAMES)
      const [path = ''] = await packPaths(dir)
      await truncate(path, 12_000)
      assert.is((await store.get([first.digest]))[0]?.length, 9000)
      for (const lost of [second, third])
        await failsWith('E_INTEGRITY', store.get([first.digest, lost.digest]))
      const target = new Uint8Array(new SharedArrayBuffer(9001))
      const placed = (digest: Uint8Array) => ({
        ...{ digests: digest, lengths: Uint32Array.of(9000), places: Uint32Array.of(0) },
      })
      await failsWith('E_INTEGRITY', store.openInto(placed(second.digest), target))
      await store.openInto(placed(first.digest), target)
      await store.delete([second.digest, third.digest])
      await store.put(FRAMES)
      assert.is((await store.get(FRAMES.map(({ digest }) => digest))).filter(Boolean).length, 3)
    }),
  ))

test('what the disk cannot read is damage, and any other failure is one of the disk', () => {
  const failed = (code: string) => readError(Object.assign(new Error(code), { code })).code
  assert.equal(['EIO', 'EACCES', 'EMFILE'].map(failed), ['E_INTEGRITY', 'E_STORAGE', 'E_STORAGE'])
})

test.run()
