// mostly waits
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Testnet } from '../../testnet/handles.ts'
import { createTestnet } from '../../testnet/testnet.ts'
import { writeRandomImage } from '../fixtures/disk-image.ts'
import { failureOf } from '../fixtures/failure.ts'
import { until } from '../fixtures/hosts.ts'
import { NbdClient, requestBytes } from '../fixtures/nbd-client.ts'
import { missingPrograms, testsThatNeed } from '../fixtures/programs.ts'
import { assertExportIs, pushImage, withNode } from '../fixtures/testnet-steps.ts'

const run = promisify(execFile)
const MiB = 1024 * 1024
const REFERENCE = 'days/disk:v1'
const test = suite<{ dir: string; disk: string; testnet: Testnet }>('disk full')

/** A file system of its own for the node's store; undefined says that it cannot be had here. */
async function mountSmall(dir: string, size: string): Promise<string | undefined> {
  await mkdir(dir, { recursive: true })
  return await run('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'bootswarm-test', dir]).then(
    () => undefined,
    (error: Error) => error.message.trim(),
  )
}

const probe = await mkdtemp(join(tmpdir(), 'bs-mount-'))
const refusal = await mountSmall(probe, '1m')
if (refusal === undefined) await run('umount', [probe])
await rm(probe, { recursive: true })
const mountLack = refusal && `a small file system needs root: ${refusal}`
const withMount = testsThatNeed(test, mountLack)
const withQemu = testsThatNeed(test, mountLack ?? missingPrograms('qemu-io'))

test.before(async (context) => {
  if (refusal !== undefined) return
  context.dir = await mkdtemp(join(tmpdir(), 'bs-full-'))
  context.disk = join(context.dir, 'disk')
  assert.is(await mountSmall(context.disk, '20m'), undefined)
  context.testnet = await createTestnet({ nodes: 1, dataDirs: { 0: join(context.disk, 'node') } })
})

test.after(async ({ dir, disk, testnet }) => {
  if (refusal !== undefined) return
  await testnet?.destroy()
  await run('umount', [disk])
  await rm(dir, { recursive: true })
})

withMount(
  'a pull says so, tears nothing, and resumes after space is made',
  async ({ dir, disk, testnet }) => {
    const image = join(dir, 'disk.img')
    await writeRandomImage(image, 40 * MiB)
    await pushImage(testnet, image, REFERENCE)
    const [node] = testnet.nodes
    assert.ok(node)

    const error = await failureOf(withNode(node, (client) => client.pull(REFERENCE)))
    assert.is(error.code, 'E_STORAGE_FULL', error.message)
    assert.ok(node.alive(), 'the daemon lives')
    const torn = await withNode(node, (client) => client.verify())
    assert.is(torn.corrupt, 0)
    assert.ok(torn.blocks > 0, 'what it had fetched stays')

    await run('mount', ['-o', 'remount,size=128m', disk])
    const result = await withNode(node, (client) => client.pull(REFERENCE))
    assert.is(result.blocks.local, torn.blocks)
    assert.is(result.blocks.local + result.blocks.fetched, result.blocks.total)
    await assertExportIs(node, REFERENCE, image)
  },
)

withQemu(
  'a disk is read while there is little room and is not filled, and waits without an error while there is none, and goes on when there is',
  async ({ dir, disk, testnet }) => {
    const image = join(dir, 'lazy.img')
    await writeRandomImage(image, 32 * MiB)
    await pushImage(testnet, image, 'days/lazy:v1')
    const [node] = testnet.nodes
    assert.ok(node)
    const { bavail, blocks, bsize } = await statfs(disk)
    const usedBytes = (blocks - bavail) * bsize
    await run('mount', ['-o', `remount,size=${usedBytes + 10 * MiB}`, disk])
    const attached = await withNode(node, (client) => client.disks.attach({ reference: 'days/lazy:v1' }))
    const { name, socket, export: exported } = attached
    const uri = `nbd+unix:///${encodeURIComponent(exported)}?socket=${socket}`
    const read = (offset: number, bytes: number) =>
      run('qemu-io', ['-r', '-f', 'raw', '-c', `read ${offset} ${bytes}`, uri])
    const state = () => withNode(node, (client) => client.disks.get(name))
    await read(0, MiB)
    await until(async () => (await state()).fillReason !== undefined)
    const little = await state()
    assert.match(little.fillReason ?? '', /^nothing is fetched ahead of reads: /)
    assert.equal([little.state, little.reason], ['ready', undefined])

    const client = await NbdClient.serving(socket, { structured: false, name: exported })
    const [offset, length] = [4 * MiB, 24 * MiB]
    client.send(requestBytes({ command: 0, offset: BigInt(offset), length }))
    await until(async () => (await state()).state === 'stalled')
    assert.match((await state()).reason ?? '', /full/)
    const { figures } = await state()
    assert.equal([figures?.errors, figures?.waits], [0, 2], 'it waits, and has had no error')

    // By themselves, and soon: origins hardly give twice what a node could not store.
    await run('mount', ['-o', 'remount,size=256m', disk])
    const late = setTimeout(() => client.close(), 20_000)
    assert.is((await client.simpleReply()).error, 0)
    const bytes = (await readFile(image)).subarray(offset, offset + length)
    for (let at = 0; at < length; at += MiB)
      assert.ok((await client.read(MiB)).equals(bytes.subarray(at, at + MiB)), `bytes at ${at}`)
    clearTimeout(late)
    client.close()
    assert.is((await state()).reason, undefined)
    await withNode(node, (of) => of.disks.detach(name, { force: true }))
  },
)

test.run()
