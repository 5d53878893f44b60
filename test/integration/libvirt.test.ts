// deadline: 300 s
// mostly waits
/** Debian's libvirt, run for this test alone, and the disk element that `disk attach` prints. */
import { chmod, copyFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createTestnet } from '../../testnet/testnet.ts'
import { guestImageOrLack } from '../fixtures/guest-image.ts'
import { until } from '../fixtures/hosts.ts'
import { libvirtLack, PrivateLibvirt } from '../fixtures/private-libvirt.ts'
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
    const dir = await mkdtemp(join(tmpdir(), 'bs-libvirt-'))
    // Machines run as libvirt-qemu.
    await chmod(dir, 0o711)
    const [kernel, initrd] = [join(dir, 'vmlinuz'), join(dir, 'initrd.img')]
    await Promise.all([copyFile(image.kernel, kernel), copyFile(image.initrd, initrd)])
    const socketDirectory = join(dir, 'disks')
    const [libvirt, testnet] = await Promise.all([
      PrivateLibvirt.start(),
      createTestnet({ nodes: 1, config: { nodes: { 0: { disk: { socketDirectory } } } } }),
    ])
    try {
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
      if (attached.stderr.includes('cannot have QEMU connect again'))
        await until(async () => (await state()) === 'paused (I/O error)')
      await node.restart()
      const resumed = await testnet.cli(['disk', 'resume', '--connect', libvirt.uri, '-o', 'json'])
      assert.is(resumed.code, 0, resumed.stderr)
      assert.match(resumed.stdout, '"domain": "vm1"', `${resumed.stdout}${resumed.stderr}`)
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
      await libvirt.end()
      await testnet.destroy()
      await rm(dir, { recursive: true })
    }
  },
)

test.run()
