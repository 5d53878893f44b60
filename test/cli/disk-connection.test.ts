import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { libvirtXml, nbdUri, qemuArguments, qemuFileName } from '../../src/cli/disk-connection.ts'
import { runClient } from '../fixtures/nbd-process.ts'
import { missingPrograms, testsThatNeed } from '../fixtures/programs.ts'
import { withScratch } from '../fixtures/scratch.ts'

const test = suite('what machines are told of a disk')
const withLibvirt = testsThatNeed(test, missingPrograms('virt-xml-validate', 'xmllint'))
const DISK = {
  name: 'site-debian-3',
  socket: '/run/bootswarm/disks/site-debian-3.sock',
  export: 'site/debian@bafy',
}

test('the URI names socket and disk, with odd characters escaped', () => {
  assert.is(nbdUri(DISK), `nbd+unix:///site/debian@bafy?socket=${DISK.socket}`)
  assert.is(
    nbdUri({ ...DISK, socket: '/tmp/a b&c.sock' }),
    'nbd+unix:///site/debian@bafy?socket=/tmp/a%20b%26c.sock',
  )
})

test('the name in an overlay has QEMU connect again', () => {
  assert.equal(JSON.parse(qemuFileName(DISK).slice('json:'.length)), {
    driver: 'raw',
    file: {
      ...{ driver: 'nbd', server: { type: 'unix', path: DISK.socket }, export: DISK.export },
      ...{ 'reconnect-delay': 30, 'open-timeout': 10 },
    },
  })
})

test('commas in a path do not end an argument of QEMU', () => {
  assert.equal(qemuArguments(DISK, '/a,b.qcow2'), ['-drive', 'file=/a,,b.qcow2,format=qcow2,if=virtio'])
  const [option, value = ''] = qemuArguments({ ...DISK, socket: '/a,b' }, undefined)
  assert.is(option, '-blockdev')
  assert.match(value, 'read-only=on')
  assert.match(value, 'file.server.path=/a,,b,')
})

test('names of block nodes are no longer than QEMU takes, and each disk has its own', () => {
  const nodeOf = (name: string) => {
    const [, blockdev = '', , device = ''] = qemuArguments({ ...DISK, name }, undefined)
    const node = /node-name=([^,]+)/.exec(blockdev)?.[1] ?? ''
    assert.ok(device.endsWith(`drive=${node}`))
    return node
  }
  assert.is(nodeOf('x'.repeat(28)), `bs-${'x'.repeat(28)}`)
  const long = ['a', 'b'].map((end) => nodeOf('x'.repeat(63) + end))
  assert.equal(
    long.map((node) => node.length),
    [31, 31],
  )
  assert.is.not(long[0], long[1])
})

test('libvirt is told to connect again where it can', () => {
  const init = { overlay: '/vm.qcow2' }
  assert.match(libvirtXml(DISK, { ...init, canReconnect: true }), '<reconnect delay="30"/>')
  assert.not.match(libvirtXml(DISK, { ...init, canReconnect: false }), 'reconnect')
})

test('odd characters in a path stay within their attribute', () => {
  const text = libvirtXml(DISK, { overlay: `/a"<&'b.qcow2`, canReconnect: false })
  assert.match(text, '<source file="/a&quot;&lt;&amp;')
})

/** A whole domain, as `virsh define` takes it. */
function domainOf(disk: string): string {
  return `<domain type="qemu"><name>vm</name><memory unit="MiB">256</memory>
<os><type arch="x86_64">hvm</type></os><devices>${disk}</devices></domain>`
}

withLibvirt("the disk elements are valid by libvirt's own schema", () =>
  withScratch(async (dir) => {
    for (const overlay of [undefined, '/var/lib/libvirt/images/vm.qcow2']) {
      const path = join(dir, 'domain.xml')
      await writeFile(path, domainOf(libvirtXml(DISK, { overlay, canReconnect: false })))
      const { code, stdout, stderr } = await runClient('virt-xml-validate', path, 'domain')
      assert.is(code, 0, stdout + stderr)
    }
  }),
)

test.run()
