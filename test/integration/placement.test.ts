// mostly waits
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Testnet } from '../../testnet/handles.ts'
import { createTestnet } from '../../testnet/testnet.ts'
import { writeDiskImage } from '../fixtures/disk-image.ts'

const MiB = 1024 * 1024
const test = suite<{ dir: string; testnet: Testnet }>('placement with real nodes')

test.before(async (context) => {
  context.dir = await mkdtemp(join(tmpdir(), 'bs-place-'))
  const image = join(context.dir, 'disk.img')
  await writeDiskImage(image, 8 * MiB)
  context.testnet = await createTestnet({ nodes: 3 })
  await ok(context.testnet, 'image', 'push', image, 'site/disk:1')
  for (const [i, rack] of ['a', 'a', 'b'].entries())
    await ok(context.testnet, 'node', 'label', `node-${i + 1}`, `rack=${rack}`)
})
test.after(async ({ testnet, dir }) => {
  await testnet?.destroy()
  await rm(dir, { recursive: true })
})

async function ok(testnet: Testnet, ...argv: string[]): Promise<string> {
  const { code, stdout, stderr } = await testnet.cli(argv)
  assert.is(code, 0, stderr)
  return stdout
}

test('an image comes to the nodes of a rack in waves, and everybody can see how far it is', async ({
  testnet,
}) => {
  const flags = ['--to', 'rack=a', '--waves', '1,100%', '--wait', '-o', 'json', '--progress', 'none']
  const placed = JSON.parse(await ok(testnet, 'image', 'place', 'site/disk:1', ...flags))
  assert.equal([placed.state, placed.nodes.done, placed.image], ['done', 2, 'site/disk@1'])
  assert.equal(
    placed.waves.map(({ done }: { done: number }) => done),
    [1, 1],
  )
  const nodes = await ok(testnet, 'placement', 'nodes', String(placed.placement))
  assert.match(nodes, /node-1 .*done +100 %/)
  assert.match(nodes, /node-2 .*done +100 %/)
  assert.match(await ok(testnet, 'placement', 'ls'), /site\/disk@1 +rack=a .*2 done of 2/)
  assert.match(await ok(testnet, 'placement', 'show', String(placed.placement)), /in all +2 done of 2/)
})

test('what holds it already is done at once, and a copy goes where none is asked for by name', async ({
  testnet,
}) => {
  const flags = ['--all', '--copies', '3', '--wait', '-o', 'json', '--progress', 'none']
  const placed = JSON.parse(await ok(testnet, 'image', 'place', 'site/disk:1', ...flags))
  assert.equal([placed.state, placed.nodes.done], ['done', 3])
})

test('wrong wishes end with 2, what is not there with 3', async ({ testnet }) => {
  const code = async (...argv: string[]) => (await testnet.cli(['image', 'place', ...argv])).code
  assert.is(await code('site/disk:1'), 2)
  assert.is(await code('site/disk:1', '--all', '--to', 'rack=a'), 2)
  assert.is(await code('site/disk:1', '--all', '--waves', '0'), 2)
  assert.is(await code('site/disk:1', '--all', '--at', 'noon'), 2)
  assert.is(await code('site/disk:1', '--to', 'rack=z'), 3)
  assert.is((await testnet.cli(['placement', 'show', '99'])).code, 3)
})

test.run()
