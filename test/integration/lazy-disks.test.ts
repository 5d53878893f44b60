// deadline: 240 s
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, open, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { DiskObject } from '../../src/api/disk-schemas.ts'
import type { NodeHandle, Testnet } from '../../testnet/handles.ts'
import { createTestnet } from '../../testnet/testnet.ts'
import { attachDisk, figuresOf } from '../fixtures/boot-steps.ts'
import { writeDiskImage } from '../fixtures/disk-image.ts'
import { until } from '../fixtures/hosts.ts'
import { checkNames, metricsOf, seriesOf } from '../fixtures/metrics-text.ts'
import { NbdClient, requestBytes } from '../fixtures/nbd-client.ts'
import { fioLack, negotiate, outputOf, runClient, selfChecked } from '../fixtures/nbd-process.ts'
import { missingPrograms, testsThatNeed } from '../fixtures/programs.ts'
import { pushImage, withNode } from '../fixtures/testnet-steps.ts'

const MiB = 1024 * 1024
const SIZE = 48 * MiB
const REFERENCE = 'site/lazy:1'

/** Pages that fio has written there. */
const CHECKED = { offset: 40 * MiB, size: 4 * MiB }
const noFio = await fioLack()

interface Context {
  dir: string
  image: string
  testnet: Testnet
}

const test = suite<Context>('disks before their image is here')
const withOthers = testsThatNeed(
  test,
  missingPrograms('qemu-storage-daemon', 'qemu-img', 'nbdinfo', 'nbdcopy', 'nbd-client') ?? noFio,
)
const withClients = testsThatNeed(test, missingPrograms('nbdinfo', 'nbdcopy', 'qemu-img', 'qemu-io'))

test.before(async (context) => {
  context.dir = await mkdtemp(join(tmpdir(), 'bs-lazy-'))
  context.image = join(context.dir, 'disk.img')
  await writeDiskImage(context.image, SIZE)
  if (noFio === undefined)
    await outputOf(
      'fio',
      ...selfChecked({ rw: 'write', ...CHECKED }),
      `--filename=${context.image}`,
      '--do_verify=0',
    )
  context.testnet = await createTestnet({ nodes: 4 })
  await pushImage(context.testnet, context.image, REFERENCE)
  await withNode(nodeOf(context, 0), (client) => client.pull(REFERENCE))
})

test.after(async ({ testnet, dir }) => {
  await testnet?.destroy()
  await rm(dir, { recursive: true })
})

function nodeOf({ testnet }: Context, index: number): NodeHandle {
  const node = testnet.nodes[index]
  assert.ok(node)
  return node
}

const attach = (node: NodeHandle, fill = false) => attachDisk(node, { reference: REFERENCE, fill })

const uriOf = ({ export: name, socket }: DiskObject) => `nbd+unix:///${name}?socket=${socket}`

async function localBytes(uri: string): Promise<number> {
  const map = JSON.parse(await outputOf('nbdinfo', '--map=x-bootswarm:cached', '--json', uri))
  const parts: { type: number; length: number }[] = map
  return parts.reduce((sum, { type, length }) => sum + (type === 1 ? length : 0), 0)
}

test('gives its first bytes soon, and fetches little else', async (context) => {
  const node = nodeOf(context, 1)
  const startedMs = performance.now()
  const disk = await attach(node)
  assert.is(disk.complete, false)
  const client = await NbdClient.serving(disk.socket, { name: disk.export })
  client.send(requestBytes({ command: 0, offset: 8n * 1024n * 1024n, length: 4096 }))
  const { data } = await client.chunk()
  const tookMs = performance.now() - startedMs
  client.socket.destroy()
  const file = await open(context.image)
  const { buffer } = await file.read(Buffer.alloc(4096), 0, 4096, 8 * MiB).finally(() => file.close())
  assert.ok(data.subarray(8).equals(buffer))
  // A hundred milliseconds where nothing else runs; tests share their machine with others.
  assert.ok(tookMs < 5000, `${tookMs} ms`)
  const { fetchedBytes, runs } = await figuresOf(node)
  assert.ok(fetchedBytes > 0 && fetchedBytes <= 256 * 1024)
  assert.is(runs.held, 0)
})

withClients('shows what is local, and has the bytes of the image', async (context) => {
  const node = nodeOf(context, 1)
  const uri = uriOf(await attach(node))
  const first = await localBytes(uri)
  assert.ok(first < SIZE / 2)
  await outputOf('qemu-io', '-r', '-f', 'raw', '-c', 'read 16M 5M', uri)
  const some = await localBytes(uri)
  assert.ok(some >= first + 5 * MiB && some < SIZE)
  await outputOf('qemu-img', 'compare', '-f', 'raw', '-F', 'raw', uri, context.image)
  assert.is(await localBytes(uri), SIZE)
  const { originBytes, peerBytes, errors } = await figuresOf(node)
  assert.ok(peerBytes > originBytes)
  assert.is(errors, 0)
  await until(async () => (await withNode(node, (client) => client.disks.get('vm'))).complete, 20_000)
})

withOthers('other clients get the same bytes before the image is here', async (context) => {
  const { dir, image } = context
  const disk = await attach(nodeOf(context, 3))
  assert.is(disk.complete, false)
  const uri = uriOf(disk)
  const agreed = await negotiate({ path: disk.socket, name: disk.export, dir })
  assert.match(agreed.stdout + agreed.stderr, `size = ${SIZE / MiB}MB`)
  const read = [...selfChecked({ rw: 'randread', ...CHECKED }), '--ioengine=nbd', `--uri=${uri}`]
  const text = await outputOf('fio', ...read, '--iodepth=16', `--aux-path=${dir}`, '--output-format=json')
  const [job] = JSON.parse(text.slice(text.indexOf('{'))).jobs
  assert.equal([job.error, job.read.total_ios], [0, CHECKED.size / 4096])
  assert.ok((await localBytes(uri)) < SIZE / 2)
  await passedOn(disk, async (passed) => {
    await outputOf('nbdcopy', passed, join(dir, 'passed.img'))
    assert.ok((await readFile(join(dir, 'passed.img'))).equals(await readFile(image)))
  })
  const map = JSON.parse(await outputOf('qemu-img', 'map', '--output=json', '-f', 'raw', uri))
  assert.is(map.at(-1).start + map.at(-1).length, SIZE)
  await outputOf('qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', uri, join(dir, 'copy.qcow2'))
  await outputOf('qemu-img', 'compare', '-f', 'qcow2', '-F', 'raw', join(dir, 'copy.qcow2'), image)
})

/** What qemu-storage-daemon, which reads the disk, offers itself. */
async function passedOn(disk: DiskObject, work: (uri: string) => Promise<void>): Promise<void> {
  const socket = `${disk.socket}.out`
  const from = `driver=nbd,node-name=disk,server.type=unix,server.path=${disk.socket},export=${disk.export}`
  const daemon = spawn('qemu-storage-daemon', [
    ...['--blockdev', `${from},read-only=on`, '--nbd-server', `addr.type=unix,addr.path=${socket}`],
    ...['--export', 'type=nbd,id=one,node-name=disk,name=one'],
  ])
  const uri = `nbd+unix:///one?socket=${socket}`
  try {
    await until(async () => (await runClient('nbdinfo', '--size', uri)).code === 0)
    await work(uri)
  } finally {
    daemon.kill('SIGTERM')
    await once(daemon, 'close')
  }
}

withClients('a restart of the node while the tracker is away costs nothing but time', async (context) => {
  const { testnet } = context
  const node = nodeOf(context, 2)
  const uri = uriOf(await attach(node))
  await outputOf('qemu-io', '-r', '-f', 'raw', '-c', 'read 0 3M', uri)
  const before = await localBytes(uri)
  assert.ok(before < SIZE)
  // Who has the image is known to the DHT before the tracker goes.
  await until(async () => (await providesOf(nodeOf(context, 0))) > 0, 60_000)
  await testnet.tracker.kill('SIGKILL')
  await node.kill('SIGKILL')
  await node.restart()
  const disk = () => withNode(node, (client) => client.disks.get('vm'))
  await until(async () => (await disk()).state !== 'unavailable', 60_000)
  assert.ok((await localBytes(uri)) >= before)
  const copy = join(context.dir, 'copy.img')
  await outputOf('nbdcopy', uri, copy)
  assert.ok((await readFile(copy)).equals(await readFile(context.image)))
  await until(async () => (await disk()).complete, 20_000)
  await withNode(node, (client) => client.disks.detach('vm'))
  assert.is((await attach(node)).state, 'ready')
})

/** Records of the DHT that a node has published. */
async function providesOf({ socket }: NodeHandle): Promise<number> {
  const text = await metricsOf(socket)
  checkNames(text, 'bootswarm_node_')
  return seriesOf(text, 'bootswarm_node_dht_provides_total')
}

test.run()
