// deadline: 240 s
import { once } from 'node:events'
import { copyFile, mkdir, mkdtemp, readdir, rm, stat, truncate } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { NodeHandle, Testnet } from '../../testnet/handles.ts'
import { firstDifference } from '../../testnet/images/compare.ts'
import { createTestnet } from '../../testnet/testnet.ts'
import { writeDiskImage } from '../fixtures/disk-image.ts'
import { until } from '../fixtures/hosts.ts'
import { outputOf } from '../fixtures/nbd-process.ts'
import { missingPrograms, testsThatNeed } from '../fixtures/programs.ts'
import { ReadingMachine } from '../fixtures/reading-machine.ts'
import { jsonOf, pushImage } from '../fixtures/testnet-steps.ts'

const MiB = 1024 * 1024
const SIZE = 16 * MiB
const NAME = 'site-disk-1'

interface Context {
  dir: string
  image: string
  testnet: Testnet
  node: NodeHandle
}

const test = suite<Context>('disks of a node')
const withNbdinfo = testsThatNeed(test, missingPrograms('nbdinfo'))
const withQemu = testsThatNeed(test, missingPrograms('qemu-img', 'qemu-io', 'stdbuf'))

test.before(async (context) => {
  context.dir = await mkdtemp(join(tmpdir(), 'bs-disk-'))
  context.image = join(context.dir, 'disk.img')
  await writeDiskImage(context.image, SIZE)
  context.testnet = await createTestnet({ nodes: 1 })
  const [node] = context.testnet.nodes
  assert.ok(node)
  context.node = node
  await pushImage(context.testnet, context.image, 'site/disk:1')
  const other = join(context.dir, 'other.img')
  await writeDiskImage(other, MiB, 2)
  await pushImage(context.testnet, other, 'site/other:1')
  for (const name of ['disk', 'other']) await jsonOf(context.testnet, 'image', 'pull', `site/${name}:1`)
})

test.after(async ({ testnet, dir }) => {
  await testnet?.destroy()
  await rm(dir, { recursive: true })
})

async function refused(testnet: Testnet, ...argv: string[]) {
  const { code, stdout, stderr } = await testnet.cli(argv)
  assert.is(stdout, '')
  return { code, stderr }
}

test('attach says what QEMU needs on standard output, and the rest beside it', async ({ testnet }) => {
  const { code, stdout, stderr } = await testnet.cli(['disk', 'attach', 'site/disk:1'])
  assert.is(code, 0, stderr)
  assert.match(
    stdout,
    /^-blockdev driver=raw,node-name=bs-site-disk-1,read-only=on,file\.driver=nbd,.* -device \S+\n$/,
  )
  assert.match(stderr, `attached site/disk@1, 16.0 MiB, as disk ${NAME}`)
})

test('the socket is for owner and group alone', async ({ testnet }) => {
  const [disk] = await jsonOf(testnet, 'disk', 'ls')
  assert.is((await stat(disk.socket)).mode & 0o777, 0o660)
  assert.is(disk.name, NAME)
  assert.is((await testnet.cli(['disk', 'ls', '-o', 'name'])).stdout, `${NAME}\n`)
  assert.match((await testnet.cli(['node', 'status'])).stdout, /^disks +1 attached$/m)
})

withNbdinfo('the URI is one that clients of NBD understand', async ({ testnet }) => {
  const { uri, size, description } = await jsonOf(testnet, 'disk', 'attach', 'site/disk:1')
  assert.is(description, undefined)
  assert.is((await outputOf('nbdinfo', '--size', uri)).trim(), String(size))
  const { stdout } = await testnet.cli(['disk', 'attach', 'site/disk:1', '--format', 'nbd'])
  assert.is(stdout, `${uri}\n`)
})

withQemu(
  'an overlay has the bytes of the image below it, and can be made into a file of its own',
  async (context) => {
    const { testnet, dir, image } = context
    const overlay = join(dir, 'vm.qcow2')
    const { stdout, stderr } = await testnet.cli(['disk', 'attach', 'site/disk:1', '--overlay', overlay])
    assert.is(stdout, `-drive file=${overlay},format=qcow2,if=virtio\n`, stderr)
    const info = JSON.parse(await outputOf('qemu-img', 'info', '--output=json', overlay))
    assert.is(info['virtual-size'], SIZE)
    assert.match(info['backing-filename'], '"reconnect-delay":30')
    await outputOf('qemu-img', 'compare', '-f', 'raw', '-F', 'qcow2', image, overlay)

    await outputOf('qemu-io', '-f', 'qcow2', '-c', 'write -P 7 1M 64k', overlay)
    const again = await testnet.cli(['disk', 'attach', 'site/disk:1', '--overlay', overlay])
    assert.is(again.code, 0, again.stderr)
    const whole = join(dir, 'whole.qcow2')
    assert.is((await testnet.cli(['disk', 'flatten', overlay, whole])).code, 0)
    const flat = JSON.parse(await outputOf('qemu-img', 'info', '--output=json', whole))
    assert.is(flat['backing-filename'], undefined)
    await outputOf('qemu-img', 'compare', '-f', 'qcow2', '-F', 'qcow2', overlay, whole)
    assert.is((await testnet.cli(['disk', 'flatten', overlay, whole])).code, 5)
  },
)

withQemu('an overlay of another image is refused, and nothing is left of it', async ({ testnet, dir }) => {
  const overlay = join(dir, 'vm.qcow2')
  const { code, stderr } = await refused(testnet, 'disk', 'attach', 'site/other:1', '--overlay', overlay)
  assert.is(code, 5)
  assert.match(stderr, /vm\.qcow2 is an overlay of site\/disk@\w+, not of site\/other:1/)
  const file = await refused(testnet, 'disk', 'attach', 'site/other:1', '--overlay', join(dir, 'disk.img'))
  assert.is(file.code, 5)
  assert.match(file.stderr, 'exists and is no overlay')
  assert.is((await testnet.cli(['disk', 'ls', '-o', 'name'])).stdout, `${NAME}\n`)
})

withQemu(
  'two that make the same overlay at once get one, and nothing half made stays',
  async ({ testnet, dir }) => {
    const place = join(dir, 'together')
    await mkdir(place)
    const overlay = join(place, 'vm.qcow2')
    const attach = () => testnet.cli(['disk', 'attach', 'site/disk:1', '--overlay', overlay])
    for (const { code, stderr } of await Promise.all([attach(), attach()])) assert.is(code, 0, stderr)
    assert.equal(await readdir(place), ['vm.qcow2'])
    await outputOf('qemu-img', 'check', '-q', '-U', overlay)
  },
)

withQemu(
  'an image that ends within a sector is as long in every raw file',
  async ({ testnet, dir, node }) => {
    const odd = join(dir, 'odd.img')
    await copyFile(join(dir, 'other.img'), odd)
    await truncate(odd, 1_000_001)
    await pushImage(testnet, odd, 'site/odd:1')
    await jsonOf(testnet, 'image', 'pull', 'site/odd:1')
    await jsonOf(testnet, 'disk', 'attach', 'site/odd:1')
    for (const target of [join(node.exports, 'odd.img'), join(dir, 'odd-flat.img')]) {
      const { code, stderr } = await testnet.cli(['disk', 'flatten', 'site-odd-1', target])
      assert.is(code, 0, stderr)
      assert.is((await stat(target)).size, 1_000_001)
      assert.is(await firstDifference(odd, target), undefined)
    }
    assert.is((await testnet.cli(['disk', 'detach', 'site-odd-1'])).code, 0)
  },
)

test('a disk becomes a raw file, by the node itself where it may write', async ({
  testnet,
  dir,
  image,
  node,
}) => {
  for (const target of [join(node.exports, 'flat.img'), join(dir, 'flat.img')]) {
    const { code, stderr } = await testnet.cli(['disk', 'flatten', NAME, target])
    assert.is(code, 0, stderr)
    assert.is(await firstDifference(image, target), undefined)
  }
})

withQemu('an overlay goes over to the raw file of its image, and needs the node no more', async ({ dir }) => {
  const moved = join(dir, 'moved.qcow2')
  const file = join(dir, 'flat.img')
  await copyFile(join(dir, 'vm.qcow2'), moved)
  await outputOf('qemu-img', 'rebase', '-u', '-f', 'qcow2', '-F', 'raw', '-b', file, moved)
  const info = JSON.parse(await outputOf('qemu-img', 'info', '--output=json', moved))
  assert.is(info['backing-filename'], file)
  await outputOf('qemu-img', 'compare', '-f', 'qcow2', '-F', 'qcow2', moved, join(dir, 'whole.qcow2'))
})

test('a disk that is in use is not detached, nor is its image removed', async ({ testnet }) => {
  const [{ socket }] = await jsonOf(testnet, 'disk', 'ls')
  const machine = connect({ path: socket })
  await once(machine, 'data')
  const { code, stderr } = await refused(testnet, 'disk', 'detach', NAME)
  assert.is(code, 1)
  assert.match(stderr, `disk ${NAME} is in use: 1 connection is open`)
  machine.destroy()
  const removal = await refused(testnet, 'image', 'rm', '--local', 'site/disk:1')
  assert.is(removal.code, 1)
  assert.match(removal.stderr, `bootswarm disk detach ${NAME}`)
  assert.is((await jsonOf(testnet, 'node', 'gc')).blocksDeleted, 0)
})

withQemu(
  'a machine reads on, the right bytes, while the node is killed and started again',
  async (context) => {
    const { dir, node, image } = context
    const overlay = join(dir, 'vm2.qcow2')
    assert.is((await context.testnet.cli(['disk', 'attach', 'site/disk:1', '--overlay', overlay])).code, 0)
    const machine = new ReadingMachine({ overlay, image })
    try {
      await machine.reads(0)
      const flat = await refused(context.testnet, 'disk', 'flatten', overlay, join(dir, 'vm2-whole.qcow2'))
      assert.is(flat.code, 1)
      assert.match(flat.stderr, /vm2\.qcow2 is in use: a machine runs on it\n.*virsh blockpull/)
      for (const from of [5 * MiB, 9 * MiB]) {
        await node.kill('SIGKILL')
        const waiting = machine.reads(from)
        await node.restart()
        await waiting
      }
    } finally {
      await machine.end()
    }
  },
)

withQemu(
  'an image of which nothing is here is a disk at once, and has the right bytes',
  async ({ testnet, dir }) => {
    const lazy = join(dir, 'lazy.img')
    await writeDiskImage(lazy, SIZE, 3)
    await pushImage(testnet, lazy, 'site/lazy:1')
    const disk = await jsonOf(testnet, 'disk', 'attach', 'site/lazy:1', '--no-fill', '--name', 'lazy')
    assert.equal([disk.complete, disk.fill, disk.figures.runs.held], [false, false, 0])
    await outputOf('qemu-io', '-r', '-f', 'raw', '-c', 'read 4M 64k', disk.uri)
    const read = await jsonOf(testnet, 'disk', 'stat', 'lazy')
    assert.ok(read.figures.waits > 0)
    assert.ok(read.figures.fetchedBytes > 0 && read.figures.fetchedBytes < SIZE / 2)
    await outputOf('qemu-img', 'compare', '-f', 'raw', '-F', 'raw', lazy, disk.uri)
    const whole = await jsonOf(testnet, 'disk', 'stat', 'lazy')
    assert.ok(whole.complete)
    assert.is((await testnet.cli(['disk', 'detach', 'lazy'])).code, 0)
  },
)

test('the rest of an image follows unless told otherwise, and what is attached lazily is not collected', async (context) => {
  const { testnet, dir } = context
  const filled = join(dir, 'filled.img')
  await writeDiskImage(filled, SIZE, 4)
  await pushImage(testnet, filled, 'site/filled:1')
  await jsonOf(testnet, 'disk', 'attach', 'site/filled:1', '--no-fill')
  const { held } = (await jsonOf(testnet, 'disk', 'stat', 'site-filled-1')).figures.runs
  assert.is(held, 0)
  await jsonOf(testnet, 'disk', 'attach', 'site/filled:1', '--fill')
  await until(async () => (await jsonOf(testnet, 'disk', 'stat', 'site-filled-1')).complete, 60_000)
  assert.is((await jsonOf(testnet, 'node', 'gc')).blocksDeleted, 0)
  assert.is((await testnet.cli(['disk', 'detach', 'site-filled-1'])).code, 0)
})

test('what was read is counted', async ({ testnet }) => {
  const { figures, state, connections } = await jsonOf(testnet, 'disk', 'stat', NAME)
  assert.equal([state, connections], ['ready', 0])
  assert.is(typeof figures.reads, 'number')
  const { stdout } = await testnet.cli(['disk', 'stat'])
  assert.match(stdout, /^DISK +READS +READ +LOCAL +WAITS +P50 +P95 +P99 +LONGEST +STALLS +ERRORS +HERE$/m)
  assert.match((await testnet.cli(['disk', 'stat', NAME])).stdout, /^manifest +baf/m)
  assert.is((await refused(testnet, 'disk', 'stat', 'nothing')).code, 3)
})

test('without the tracker disks come back, and images that are here become disks', async (context) => {
  const { testnet, node } = context
  await testnet.tracker.kill('SIGKILL')
  await node.restart()
  const [back] = await jsonOf(testnet, 'disk', 'ls')
  assert.equal([back.name, back.state], [NAME, 'ready'])
  assert.is((await jsonOf(testnet, 'disk', 'attach', 'site/other:1')).name, 'site-other-1')
  const { code, stderr } = await refused(testnet, 'disk', 'attach', 'site/third:1')
  assert.is(code, 7, stderr)
})

test('a detached disk is gone, and does not come back', async ({ testnet, node }) => {
  for (const name of [NAME, 'site-other-1']) assert.is((await testnet.cli(['disk', 'detach', name])).code, 0)
  await node.restart()
  assert.equal(await jsonOf(testnet, 'disk', 'ls'), [])
  assert.is((await refused(testnet, 'disk', 'detach', NAME)).code, 3)
})

test.run()
