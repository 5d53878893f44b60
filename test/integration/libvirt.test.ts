// deadline: 300 s
// mostly waits
/** Debian's libvirt, run for this test alone, and the disk element that `disk attach` prints. */
import { copyFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createTestnet } from '../../testnet/testnet.ts'
import { guestImageOrLack } from '../fixtures/guest-image.ts'
import { until } from '../fixtures/hosts.ts'
import { directoryForMachines, libvirtLack, PrivateLibvirt } from '../fixtures/private-libvirt.ts'
import { testsThatNeed } from '../fixtures/programs.ts'
import { pushImage, withNode } from '../fixtures/testnet-steps.ts'

const test = suite('libvirt')
const BOOT_TIMEOUT_MS = 200_000
const lacking = libvirtLack()
const { image, lack = lacking } = lacking === undefined ? await guestImageOrLack() : {}
const withLibvirt = testsThatNeed(test, lack)

withLibvirt(
  'a machine boots from a disk, lives through the end of the node, and leaves it while it runs',
  async () => {
    if (image === undefined) return assert.unreachable('no image')
    const { probe } = image
    const dir = await directoryForMachines()
    const socketDirectory = join(dir, 'disks')
    const config = { nodes: { 0: { disk: { socketDirectory } } } }
    const starting = [PrivateLibvirt.start(), createTestnet({ nodes: 1, config })] as const
    try {
      const [libvirt, testnet] = await Promise.all(starting)
      const [kernel, initrd] = [join(dir, 'vmlinuz'), join(dir, 'initrd.img')]
      await Promise.all([copyFile(image.kernel, kernel), copyFile(image.initrd, initrd)])
      const [node] = testnet.nodes
      assert.ok(node)
      await pushImage(testnet, image.disk, 'site/guest:1')
      const overlay = join(dir, 'vm1.qcow2')
      const attach = ['disk', 'attach', 'site/guest:1', '--no-fill', '--overlay', overlay]
      const attached = await testnet.cli([...attach, '--format', 'libvirt'])
      assert.is(attached.code, 0, attached.stderr)
      const diskOf = () => withNode(node, (client) => client.disks.get('site-guest-1'))
      const serial = await libvirt.boot({ ...{ dir, name: 'vm1', kernel, initrd }, disk: attached.stdout })
      await serial.expect(/\blogin: /, BOOT_TIMEOUT_MS)
      const { connections, complete, figures } = await diskOf()
      assert.equal([connections, complete, figures?.errors], [1, false, 0])
      assert.match(await libvirt.virsh('domblkinfo', 'vm1', 'vda'), /^Capacity: +2147483648$/m)
      await serial.login()

      await node.kill('SIGKILL')
      const reading = serial.run(`sha256sum ${probe.path}`)
      reading.catch(() => {})
      const state = () => libvirt.virsh('domstate', '--reason', 'vm1')
      const isStopped = attached.stderr.includes('cannot have QEMU connect again')
      if (isStopped) await until(async () => (await state()) === 'paused (I/O error)')
      await node.restart()
      const resumed = await testnet.cli(['disk', 'resume', '--connect', libvirt.uri, '-o', 'json'])
      assert.is(resumed.code, 0, resumed.stderr)
      assert.equal(JSON.parse(resumed.stdout), [
        { domain: 'vm1', disks: ['site-guest-1'], resumed: isStopped },
      ])
      assert.is((await reading).split(' ')[0], probe.sha256)
      assert.match(await state(), /^running/)

      await libvirt.virsh('blockpull', 'vm1', 'vda', '--wait')
      assert.is((await diskOf()).connections, 0)
      const detached = await testnet.cli(['disk', 'detach', 'site-guest-1'])
      assert.is(detached.code, 0, detached.stderr)
      assert.match(
        await serial.run(`echo 3 >/proc/sys/vm/drop_caches; sha256sum ${probe.path}`),
        probe.sha256,
      )
      assert.match(await libvirt.virsh('dumpxml', '--inactive', 'vm1'), /<backingStore\/>/)
    } finally {
      // One that could not be started does not leave the other behind.
      const [libvirt, testnet] = await Promise.allSettled(starting)
      if (libvirt.status === 'fulfilled') await libvirt.value.end()
      if (testnet.status === 'fulfilled') await testnet.value.destroy()
      await rm(dir, { recursive: true })
    }
  },
)

test.run()
