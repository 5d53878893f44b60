import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Testnet } from '../../testnet/handles.ts'
import { createTestnet } from '../../testnet/testnet.ts'
import { writeRandomImage } from '../fixtures/disk-image.ts'
import { failureOf } from '../fixtures/failure.ts'
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
if (refusal !== undefined) console.log(`skipped, a small file system needs root: ${refusal}`)
const withMount = refusal === undefined ? test : test.skip

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

test.run()
