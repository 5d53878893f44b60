import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { runHere } from '../../fixtures/cli.ts'
import { noLoopDevices, withLoopDevice } from '../../fixtures/loop-device.ts'
import { missingPrograms, testsThatNeed } from '../../fixtures/programs.ts'
import { withScratch } from '../../fixtures/scratch.ts'
import { TRACKER_NAME, TrackerSite } from '../../fixtures/tracker.ts'

const MiB = 1024 * 1024
const test = suite('save-image')
const sh = (command: string, ...args: string[]) => execFileSync(command, args, { encoding: 'utf8' })

const run = testsThatNeed(test, missingPrograms('rsync', 'mkfs.ext4') ?? (await noLoopDevices()))

/** Runs `task` with a mounted file system that stands for that of a running machine. */
function withRoot(task: (root: string, dir: string) => Promise<void>): Promise<void> {
  return withLoopDevice(32 * MiB, (device) =>
    withScratch(async (dir) => {
      const root = join(dir, 'root')
      mkdirSync(root)
      sh('mkfs.ext4', '-q', device)
      sh('mount', device, root)
      try {
        mkdirSync(join(root, 'etc'))
        writeFileSync(join(root, 'etc/hostname'), 'vm\n')
        await task(root, dir)
      } finally {
        sh('umount', root)
      }
    }),
  )
}

run('copies the system, makes the image, and says what is said of it', () =>
  withRoot(async (root, dir) => {
    const site = await TrackerSite.create()
    const tracker = await site.start()
    try {
      const { certificatePem, keyPem } = await site.user('admin')
      const at = (name: string) => join(site.dir, name)
      writeFileSync(at('admin.pem'), certificatePem)
      writeFileSync(at('admin.key'), keyPem, { mode: 0o600 })
      const env = {
        ...{ BOOTSWARM_TRACKER: tracker.url, BOOTSWARM_TRACKER_NAME: TRACKER_NAME },
        ...{
          BOOTSWARM_CERTIFICATE: at('admin.pem'),
          BOOTSWARM_KEY: at('admin.key'),
          BOOTSWARM_CA: at('ca.pem'),
        },
      }
      const repoman = (...argv: string[]) => runHere(['repoman', ...argv], env)
      const save = (...more: string[]) =>
        repoman('save-image', 'vm', '--root', root, '--snapshot', join(dir, 'snap/vm.img'), ...more)
      const first = await save('-d', 'my machine', '-h', 'kvm', '-c', 'before lunch')
      assert.is(first.code, 0, first.stderr)
      assert.match(first.stdout, /Created new image 'vm'\n.*\n\[OK\] {5}\S+ uploaded to image 'vm'/)
      assert.is(
        readFileSync(join(root, '.image.metadata'), 'utf8'),
        'name: vm\ndescription: my machine\nhypervisor: kvm\n',
      )
      assert.match(
        (await repoman('li', 'vm')).stdout,
        /^ *description : my machine \[\[Comment: before lunch\]\]$/m,
      )
      const refused = await save()
      assert.is(refused.code, 2)
      assert.match(refused.stderr, /say --force/)
      writeFileSync(join(root, 'etc/motd'), 'hello\n')
      const again = await save('--force', '-c', 'after lunch')
      assert.is(again.code, 0, again.stderr)
      const shown = (await repoman('li', 'vm')).stdout
      assert.match(shown, /^ *description : my machine \[\[Comment: after lunch\]\]$/m)
      assert.match(shown, /^ *version : 2$/m)
    } finally {
      await tracker.stop()
      await site.remove()
    }
  }),
)

test.run()
