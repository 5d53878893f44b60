import { execFileSync } from 'node:child_process'
import { existsSync, linkSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { takeSnapshot } from '../../../src/image/snapshot/snapshot.ts'
import { failureOf } from '../../fixtures/failure.ts'
import { noLoopDevices, withLoopDevice } from '../../fixtures/loop-device.ts'
import { missingPrograms, testsThatNeed } from '../../fixtures/programs.ts'
import { withScratch } from '../../fixtures/scratch.ts'

const MiB = 1024 * 1024
const test = suite('snapshot')
const sh = (command: string, ...args: string[]) => execFileSync(command, args, { encoding: 'utf8' })

const run = testsThatNeed(test, missingPrograms('rsync', 'mkfs.ext4', 'setfacl') ?? (await noLoopDevices()))

/** Runs `task` with a small mounted system to be copied, and a folder for the copy. */
function withSystem(task: (root: string, dir: string) => Promise<void>): Promise<void> {
  return withLoopDevice(48 * MiB, (device) =>
    withScratch(async (dir) => {
      const root = join(dir, 'root')
      mkdirSync(root)
      sh('mkfs.ext4', '-q', '-L', 'cloudroot', device)
      sh('mount', device, root)
      try {
        for (const name of ['etc', 'proc', 'tmp', 'root/.ssh', 'var/cache'])
          mkdirSync(join(root, name), { recursive: true })
        writeFileSync(join(root, 'etc/hostname'), 'vm\n')
        linkSync(join(root, 'etc/hostname'), join(root, 'etc/alias'))
        writeFileSync(join(root, 'root/.ssh/id'), 'secret')
        writeFileSync(join(root, 'proc/1'), 'live')
        writeFileSync(join(root, 'tmp/scratch'), 'x')
        writeFileSync(join(root, 'var/cache/big'), Buffer.alloc(MiB, 1))
        sh('setfacl', '-m', 'u:12345:r', join(root, 'etc/hostname'))
        await task(root, dir)
      } finally {
        sh('umount', root)
      }
    }),
  )
}

/** Looks into the image while it is mounted. */
function inside<T>(dir: string, file: string, look: (at: string) => T): T {
  const at = join(dir, 'look')
  mkdirSync(at, { recursive: true })
  sh('mount', '-o', 'loop,ro', file, at)
  try {
    return look(at)
  } finally {
    sh('umount', at)
  }
}

const initOf = (root: string, dir: string) => ({
  root,
  file: join(dir, 'snap/vm.img'),
  excludes: ['/var/cache/*'],
  metadata: { name: 'vm', description: 'two\nlines' },
  clean: false,
})

run('copies a system with links and ACLs, without what belongs to the running one', () =>
  withSystem(async (root, dir) => {
    const init = initOf(root, dir)
    const facts = await takeSnapshot(init)
    assert.equal([facts.type, facts.label], ['ext4', 'cloudroot'])
    inside(dir, init.file, (at) => {
      assert.is(readFileSync(join(at, 'etc/hostname'), 'utf8'), 'vm\n')
      assert.is(statSync(join(at, 'etc/hostname')).nlink, 2)
      assert.match(sh('getfacl', '-n', join(at, 'etc/hostname')), /user:12345:r--/)
      assert.equal([readdirSync(join(at, 'proc')), readdirSync(join(at, 'tmp'))], [[], []])
      assert.equal(readdirSync(join(at, 'var/cache')), [])
      assert.not.ok(existsSync(join(at, 'root/.ssh')))
      assert.is(readFileSync(join(at, '.image.metadata'), 'utf8'), 'name: vm\ndescription: two lines\n')
    })
    assert.is(sh('blkid', '-o', 'value', '-s', 'LABEL', init.file).trim(), 'cloudroot')
    assert.equal(readdirSync(join(dir, 'snap')), ['vm.img'])
  }),
)

run('brings an earlier snapshot up to date', () =>
  withSystem(async (root, dir) => {
    const init = initOf(root, dir)
    await takeSnapshot(init)
    sh('rm', join(root, 'etc/alias'))
    writeFileSync(join(root, 'etc/new'), 'n')
    const steps: string[] = []
    await takeSnapshot(init, { onStep: (step) => steps.push(step) })
    assert.ok(steps.includes('bringing the earlier snapshot up to date'))
    inside(dir, init.file, (at) => assert.equal(readdirSync(join(at, 'etc')).sort(), ['hostname', 'new']))
  }),
)

run('one at a time, and a failed one leaves nothing mounted', () =>
  withSystem(async (root, dir) => {
    const init = initOf(root, dir)
    mkdirSync(join(dir, 'snap'))
    writeFileSync(`${init.file}.lock`, '1\n')
    assert.match((await failureOf(takeSnapshot(init))).message, /another snapshot .* remove .*vm\.img\.lock/)
    sh('rm', `${init.file}.lock`)
    const signal = AbortSignal.abort(new DOMException('stopped', 'AbortError'))
    await failureOf(takeSnapshot(init, { signal }))
    assert.not.match(readFileSync('/proc/mounts', 'utf8'), new RegExp(init.file))
    assert.equal(
      readdirSync(join(dir, 'snap')).filter((name) => name !== 'vm.img'),
      [],
    )
  }),
)

run('says so when there is no room', () =>
  withSystem(async (root, dir) => {
    const small = join(dir, 'small')
    mkdirSync(small)
    sh('mount', '-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', small)
    try {
      const failure = await failureOf(takeSnapshot({ ...initOf(root, dir), file: join(small, 'vm.img') }))
      assert.is(failure.code, 'E_STORAGE_FULL')
      assert.equal(readdirSync(small), [])
    } finally {
      sh('umount', small)
    }
  }),
)

test.run()
