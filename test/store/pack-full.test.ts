import { execFileSync } from 'node:child_process'
import { rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Writev } from '../../src/store/pack-file.ts'
import { openPackStore } from '../../src/store/pack-store.ts'
import { digestsOf, framesOf } from '../fixtures/blocks.ts'
import { assertHolds, failsWith, packPaths, withStore } from '../fixtures/pack-dir.ts'
import { withScratch } from '../fixtures/scratch.ts'

const test = suite('pack store on a bad disk')

/** A disk that fails with `code` behind `room` bytes of a pack, having written what fits. */
function failingDisk(disk: { room: number; code: string }): Writev {
  return async (file, buffers, position) => {
    const bytes = Buffer.concat(buffers)
    const fits = Math.min(bytes.length, disk.room - position)
    if (fits <= 0) throw Object.assign(new TypeError('no luck'), { code: disk.code })
    return (await file.write(bytes, 0, fits, position)).bytesWritten
  }
}

for (const code of ['ENOSPC', 'EIO']) {
  test(`tears nothing and goes on later when a write fails with ${code}`, () =>
    withScratch(async (dir) => {
      const frames = framesOf(40)
      const disk = { room: 60_000, code }
      await withStore({ dir, writev: failingDisk(disk) }, async (store) => {
        await store.put(frames.slice(0, 10))
        const before = await store.stat()
        const wanted = code === 'EIO' ? 'E_STORAGE' : 'E_STORAGE_FULL'
        await failsWith(wanted, store.put(frames))
        assert.equal(await store.stat(), before)
        await assertHolds(store, frames.slice(0, 10))
        assert.is((await store.get(digestsOf(frames))).filter((frame) => frame !== undefined).length, 10)
        disk.room = 1e9
        await store.put(frames)
        await assertHolds(store, frames)
      })
      await withStore({ dir }, async (store) => {
        await assertHolds(store, frames)
        assert.equal((await store.verify()).corrupt, [])
      })
    }))
}

test('leaves no pack longer than its entries after a failure', () =>
  withScratch(async (dir) => {
    const frames = framesOf(40)
    await withStore({ dir, writev: failingDisk({ room: 60_000, code: 'ENOSPC' }) }, async (store) => {
      await store.put(frames.slice(0, 10))
      const [pack = ''] = await packPaths(dir)
      const { size } = await stat(pack)
      await failsWith('E_STORAGE_FULL', store.put(frames))
      assert.is((await stat(pack)).size, size)
    })
  }))

const canMount = process.getuid?.() === 0 && process.platform === 'linux' && mounts()
const onSmallDisk = (title: string, body: (mount: string) => Promise<void>) => {
  if (!canMount) {
    console.log(`skipped without the right to mount a tmpfs: ${title}`)
    test.skip(title, () => {})
    return
  }
  test(title, () =>
    withScratch(async (dir) => {
      const mount = join(dir, 'mount')
      execFileSync('mkdir', [mount])
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', mount])
      try {
        await body(mount)
      } finally {
        execFileSync('umount', [mount])
      }
    }),
  )
}

onSmallDisk('works on a file system that is full, once there is space again', fillUp)

onSmallDisk('leaves room to delete and compact when it has filled the file system', async (mount) => {
  const frames = framesOf(800, { length: 8192 })
  await withStore({ dir: join(mount, 'store') }, async (store) => {
    const fill = async () => {
      for (let at = 0; at < frames.length; at += 20) await store.put(frames.slice(at, at + 20))
    }
    await failsWith('E_STORAGE_FULL', fill())
    await store.delete(digestsOf(frames))
    await store.compact()
    await store.put(frames.slice(0, 100))
    await assertHolds(store, frames.slice(0, 100))
  })
})

async function fillUp(mount: string): Promise<void> {
  const ballast = join(mount, 'ballast')
  await writeFile(ballast, Buffer.alloc(1_500_000))
  const frames = framesOf(500, { length: 8192 })
  const store = await openPackStore({ dir: join(mount, 'store') })
  let stored = 0
  try {
    const fill = async () => {
      for (; stored < frames.length; stored += 20) await store.put(frames.slice(stored, stored + 20))
    }
    await failsWith('E_STORAGE_FULL', fill())
    assert.ok(stored > 0 && stored < 400)
    await failsWith('E_STORAGE_FULL', fill())
    await assertHolds(store, frames.slice(0, stored))
    await rm(ballast)
    await store.put(frames.slice(stored, stored + 40))
    await assertHolds(store, frames.slice(0, stored + 40))
  } finally {
    await store.close()
  }
  await withStore({ dir: join(mount, 'store') }, async (reopened) => {
    await assertHolds(reopened, frames.slice(0, stored + 40))
    assert.equal((await reopened.verify()).corrupt, [])
  })
}

/** Root in a container may still not mount. */
function mounts(): boolean {
  try {
    execFileSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

test.run()
