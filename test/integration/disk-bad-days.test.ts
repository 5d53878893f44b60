// deadline: 150 s
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, open, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { DiskObject } from '../../src/api/disk-schemas.ts'
import { namespacesLack } from '../../testnet/arena/ip.ts'
import { openArena } from '../../testnet/arena/open-arena.ts'
import { ORIGIN_HOST } from '../../testnet/arena/topology.ts'
import type { NodeHandle, Testnet } from '../../testnet/handles.ts'
import { openField, SWARM_IMAGE } from '../../testnet/swarm-run/run-swarm.ts'
import { createTestnet } from '../../testnet/testnet.ts'
import { writeDiskImage } from '../fixtures/disk-image.ts'
import { until } from '../fixtures/hosts.ts'
import { outputOf } from '../fixtures/nbd-process.ts'
import { missingPrograms, testsThatNeed } from '../fixtures/programs.ts'
import { ReadingMachine } from '../fixtures/reading-machine.ts'
import { pushImage, withNode } from '../fixtures/testnet-steps.ts'

const MiB = 1024 * 1024
const SIZE = 24 * MiB
const REFERENCE = 'site/disk:1'
const NAME = 'site-disk-1'
/** Longer than reads wait until somebody is told. */
const CUT_MS = 6000

interface Context {
  dir: string
  image: string
  testnet: Testnet
  node: NodeHandle
  /** Has all of the image. */
  peer: NodeHandle
}

const test = suite<Context>('bad days of disks')
const QEMU = missingPrograms('qemu-img', 'qemu-io', 'stdbuf')
const withQemu = testsThatNeed(test, QEMU)
const asRoot = testsThatNeed(test, QEMU ?? namespacesLack())

test.before(async (context) => {
  context.dir = await mkdtemp(join(tmpdir(), 'bs-disk-days-'))
  context.image = join(context.dir, 'disk.img')
  await writeDiskImage(context.image, SIZE)
  context.testnet = await createTestnet({ nodes: 2 })
  const [node, peer] = context.testnet.nodes
  assert.ok(node !== undefined && peer !== undefined)
  Object.assign(context, { node, peer })
  await pushImage(context.testnet, context.image, REFERENCE)
  await withNode(peer, (client) => client.pull(REFERENCE))
})

test.after(async ({ testnet, dir }) => {
  await testnet?.destroy()
  await rm(dir, { recursive: true })
})

const diskOf = (node: NodeHandle, name = NAME) => withNode(node, (client) => client.disks.get(name))
const uriOf = ({ export: name, socket }: DiskObject) => `nbd+unix:///${name}?socket=${socket}`

withQemu(
  'packs that were damaged on the disk are read right: fetched again, counted, logged',
  async (context) => {
    const { testnet, peer, image } = context
    const disk = await withNode(peer, (client) => client.disks.attach({ reference: REFERENCE, fill: false }))
    assert.ok(disk.complete)
    await damage(join(testnet.layout.data(peer.name), 'blocks', 'packs'))
    await outputOf('qemu-img', 'compare', '-f', 'raw', '-F', 'raw', uriOf(disk), image)
    const { figures } = await diskOf(peer)
    assert.is(figures?.errors, 0)
    assert.ok((figures?.damagedBlocks ?? 0) >= SIZE / MiB, `${figures?.damagedBlocks} damaged`)
    assert.match(await readFile(testnet.layout.log(peer.name), 'utf8'), 'blocks on this disk were damaged')
    await until(async () => (await diskOf(peer)).complete)
    await withNode(peer, (client) => client.disks.detach(NAME))
  },
)

withQemu(
  'kill -9 of the node while the tracker is gone: its machine reads on from a peer',
  async (context) => {
    const { testnet, node, peer, dir, image } = context
    const { peer: peerKey } = await withNode(peer, (client) => client.status())
    const overlay = join(dir, 'vm.qcow2')
    const attached = await testnet.cli(['disk', 'attach', REFERENCE, '--no-fill', '--overlay', overlay])
    assert.is(attached.code, 0, attached.stderr)
    const machine = new ReadingMachine({ overlay, image })
    try {
      await machine.reads(MiB)
      await testnet.tracker.kill('SIGKILL')
      await machine.reads(6 * MiB)
      const known = join(testnet.layout.data(node.name), 'peers.json')
      await until(async () => (await readFile(known, 'utf8').catch(() => '')).includes(peerKey))
      await node.kill('SIGKILL')
      const waiting = machine.reads(13 * MiB)
      await node.restart()
      await waiting
      await machine.reads(20 * MiB)
      const { complete, state, figures } = await diskOf(node)
      assert.equal([complete, state, figures?.errors], [false, 'ready', 0])
    } finally {
      await machine.end()
    }
  },
)

withQemu(
  'without the tracker an image is attached by what it said before, and else it is said why not',
  async (context) => {
    const { testnet, node } = context
    const attach = (...argv: string[]) => testnet.cli(['disk', 'attach', ...argv, '--no-fill', '-o', 'json'])
    await withNode(node, (client) => client.disks.detach(NAME))
    const { code, stdout, stderr } = await attach(REFERENCE, '--name', 'again')
    assert.is(code, 0, stderr)
    await outputOf('qemu-io', '-r', '-f', 'raw', '-c', 'read 9M 64k', JSON.parse(stdout).uri)
    const unknown = await attach('site/unknown:1')
    assert.equal([unknown.code, unknown.stdout], [7, ''])
    assert.match(unknown.stderr, /https:\S+ cannot be reached/)
  },
)

withQemu(
  'detach --force while a machine reads: its read fails at once, and nothing is left',
  async (context) => {
    const { testnet, node, peer } = context
    const disk = await diskOf(node, 'again')
    await peer.kill('SIGKILL')
    const { reads = 0 } = disk.figures ?? {}
    const machine = spawn('qemu-io', ['-r', '-f', 'raw', '-c', 'read 17M 64k', uriOf(disk)])
    let said = ''
    for (const stream of [machine.stdout, machine.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        said += text
      })
    const closed = once(machine, 'close')
    // QEMU looks at the first bytes before it is told to read.
    await until(async () => ((await diskOf(node, 'again')).figures?.reads ?? 0) > reads)
    const refused = await testnet.cli(['disk', 'detach', 'again'])
    assert.is(refused.code, 1)
    assert.match(refused.stderr, 'disk again is in use: 1 connection is open')
    assert.is((await testnet.cli(['disk', 'detach', 'again', '--force'])).code, 0)
    await closed
    assert.match(said, /read failed|can't open/)
    assert.equal(await withNode(node, (client) => client.disks.list()), [])
    assert.not(existsSync(disk.socket))
  },
)

asRoot('the link of a node is cut: its machine waits, somebody is told, and it reads on', async ({ dir }) => {
  const link = { upBitsPerSecond: 1e9, downBitsPerSecond: 1e9 }
  const racks = ['rack-1', 'rack-2'].map((name) => ({ name, zone: 'zone-1' }))
  const hosts = [ORIGIN_HOST, 'node-1'].map((name, i) => ({ name, rack: `rack-${i + 1}`, ...link }))
  const arena = await openArena({ racks, hosts }, { kind: 'namespaces' })
  try {
    const image = join(arena.dir, 'disk.img')
    await writeDiskImage(image, SIZE)
    const { testnet } = await openField({ arena, file: image, name: 't' })
    const [node] = testnet.nodes
    const [, rack] = arena.racks
    assert.ok(node !== undefined && rack !== undefined)
    const overlay = join(dir, 'cut.qcow2')
    const attached = await testnet.cli([
      ...['disk', 'attach', SWARM_IMAGE, '--name', NAME, '--no-fill', '--overlay', overlay],
    ])
    assert.is(attached.code, 0, attached.stderr)
    const machine = new ReadingMachine({ overlay, image })
    try {
      await machine.reads(MiB)
      await rack.cut()
      const cutMs = performance.now()
      const waiting = machine.reads(9 * MiB)
      await until(async () => (await diskOf(node)).figures?.stalls === 1)
      assert.is((await diskOf(node)).state, 'stalled')
      await until(() => performance.now() - cutMs > CUT_MS)
      await rack.heal()
      await waiting
      await machine.reads(17 * MiB)
      const { state, figures } = await diskOf(node)
      assert.equal([state, figures?.errors], ['ready', 0])
    } finally {
      await machine.end()
      await testnet.destroy()
    }
  } finally {
    await arena.close()
  }
})

/** Spoils some bytes of every MiB. */
async function damage(dir: string): Promise<void> {
  for (const name of await readdir(dir)) {
    const file = await open(join(dir, name), 'r+')
    try {
      const { size } = await file.stat()
      for (let at = MiB / 2; at < size; at += MiB / 4) await file.write(Buffer.alloc(64, 0xa5), 0, 64, at)
    } finally {
      await file.close()
    }
  }
}

test.run()
