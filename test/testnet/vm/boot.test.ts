// deadline: 300 s
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { FileDisk } from '../../../testnet/vm/file-disk.ts'
import { bootGuest } from '../../../testnet/vm/guest.ts'
import { RecordingDisk } from '../../../testnet/vm/recording-disk.ts'
import { guestImageOrLack } from '../../fixtures/guest-image.ts'
import { withNbd } from '../../fixtures/nbd-site.ts'
import { testsThatNeed } from '../../fixtures/programs.ts'

const test = suite('a guest over NBD')
const MB = 1_000_000

const { image, lack } = await guestImageOrLack()
const withImage = testsThatNeed(test, lack)

withImage(
  'Debian boots to its login prompt from a disk of our server, and reads the right bytes',
  async () => {
    if (image === undefined) return assert.unreachable('no image')
    const file = await FileDisk.open({ name: 'team/guest:1', path: image.disk })
    const disk = new RecordingDisk(file)
    await withNbd(disk, async ({ path }) => {
      const guest = await bootGuest({ image, drive: { kind: 'nbd', socket: path, name: disk.name } })
      try {
        const boot = disk.record()
        // What the guest has asked for came from our server, save what QEMU has read of its own file; and nothing near the whole disk.
        assert.ok(guest.bootReads.requests > 100, `${guest.bootReads.requests} reads`)
        assert.ok(
          boot.distinctBytes >= guest.bootReads.bytes * 0.9,
          `${boot.distinctBytes} of ${guest.bootReads.bytes}`,
        )
        assert.ok(boot.bytes < 200 * MB, `${boot.bytes} bytes`)
        await guest.console.login()
        const printed = await guest.console.run(`sha256sum ${image.probe.path}`)
        assert.is(printed.split(' ')[0], image.probe.sha256)
        assert.ok(disk.record().distinctBytes > boot.distinctBytes, 'the file was not read before')
      } finally {
        await guest.end()
      }
    })
    await file.close()
  },
)

withImage('a guest whose disk does not exist ends with what QEMU says', async () => {
  if (image === undefined) return assert.unreachable('no image')
  const missing = join(image.disk, '..', 'no-such-disk')
  const error = await bootGuest({ image, drive: { kind: 'overlay', path: missing } }).then(
    () => undefined,
    (cause: unknown) => cause,
  )
  assert.match(String(error), /QEMU has ended \(exit 1\).*no-such-disk/)
})

test.run()
