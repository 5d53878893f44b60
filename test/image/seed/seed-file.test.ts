import { execFile } from 'node:child_process'
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { openSeed } from '../../../src/image/seed/seed-file.ts'
import { failureOf } from '../../fixtures/failure.ts'
import { noLoopDevices, withLoopDevice } from '../../fixtures/loop-device.ts'
import { testsThatNeed } from '../../fixtures/programs.ts'
import { withScratch } from '../../fixtures/scratch.ts'

const test = suite('seed file')
const needsLoop = testsThatNeed(test, await noLoopDevices())

async function codeOf(path: string, directories: string[]): Promise<unknown> {
  const failure = await failureOf(openSeed(path, directories).then(({ handle }) => handle.close()))
  return (failure as { code?: string } | undefined)?.code
}

async function identityOf(path: string, directories: string[]): Promise<string> {
  const { handle, identity } = await openSeed(path, directories)
  await handle.close()
  return identity
}

test('opens files inside the directories and nothing else, also through links and dots', () =>
  withScratch(async (dir) => {
    const images = join(dir, 'images')
    await mkdir(images)
    await writeFile(join(images, 'a.img'), 'a')
    await writeFile(join(dir, 'outside'), 'b')
    await symlink(join(dir, 'outside'), join(images, 'out'))
    await symlink(join(images, 'a.img'), join(dir, 'in'))
    await symlink(dir, join(images, 'up'))
    await promisify(execFile)('mkfifo', [join(images, 'pipe')])
    const allowed = [join(dir, 'missing'), images]
    for (const path of [join(images, 'a.img'), join(dir, 'in')])
      assert.is(await identityOf(path, allowed), await identityOf(join(images, 'a.img'), allowed))
    assert.is(await codeOf(join(dir, 'outside'), allowed), 'E_NOT_AUTHORISED')
    assert.is(await codeOf(join(images, 'out'), allowed), 'E_NOT_AUTHORISED')
    assert.is(await codeOf(join(images, 'up', 'outside'), allowed), 'E_NOT_AUTHORISED')
    assert.is(await codeOf(`${images}/../outside`, allowed), 'E_NOT_AUTHORISED')
    assert.is(await codeOf(join(images, 'none'), allowed), 'E_NOT_FOUND')
    assert.is(await codeOf('a.img', allowed), 'E_INVALID')
    assert.is(await codeOf(images, [dir]), 'E_INVALID')
    assert.is(await codeOf(join(images, 'pipe'), allowed), 'E_INVALID')
    assert.is(await codeOf('/dev/null', ['/dev']), 'E_INVALID')
  }))

test('another file in its place, or one that was written to, has another identity', () =>
  withScratch(async (dir) => {
    const path = join(dir, 'a.img')
    await writeFile(path, 'a')
    const first = await identityOf(path, [dir])
    await writeFile(`${path}.new`, 'a')
    await rename(`${path}.new`, path)
    const second = await identityOf(path, [dir])
    await writeFile(path, 'aa')
    assert.is(new Set([first, second, await identityOf(path, [dir])]).size, 3)
  }))

needsLoop('opens a volume by its name in a directory below /dev, which is a link', () =>
  withLoopDevice(1024 * 1024, async (device) => {
    const group = `/dev/bootswarm-test-${process.pid}`
    await mkdir(group)
    try {
      await symlink(device, join(group, 'old'))
      assert.is(await identityOf(join(group, 'old'), [group]), `device ${1024 * 1024}`)
      assert.is(await codeOf(device, [group]), 'E_NOT_AUTHORISED')
      await withScratch(async (dir) => {
        await symlink(device, join(dir, basename(device)))
        assert.is(await codeOf(join(dir, basename(device)), [dir]), 'E_NOT_AUTHORISED')
      })
    } finally {
      await rm(group, { recursive: true })
    }
  }),
)

test.run()
