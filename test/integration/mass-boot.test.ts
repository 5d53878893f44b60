import { existsSync } from 'node:fs'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { checkE2fsprogs } from '../../testnet/images/ext4.ts'
import type { MassBootResult } from '../../testnet/scenarios/mass-boot-report.ts'
import { writeDiskImage } from '../fixtures/disk-image.ts'
import { processesNaming } from '../fixtures/leftovers.ts'
import { runBootswarm } from '../fixtures/run-bootswarm.ts'

const MiB = 1024 * 1024
const test = suite<{ dir: string }>('mass boot')

test.before.each(async (context) => {
  context.dir = await mkdtemp(join(tmpdir(), 'bs-mb-'))
})
test.after.each(({ dir }) => rm(dir, { recursive: true }))

const missing = await checkE2fsprogs().then(
  () => undefined,
  (error: Error) => error.message,
)
if (missing !== undefined) console.log(`skipped: ${missing}`)
const withExt4 = missing === undefined ? test : test.skip

withExt4('reaches three nodes with an image made of this machine, then with its update', async ({ dir }) => {
  const args = [
    'testnet',
    'run',
    'mass-boot',
    '--nodes',
    '3',
    '--size',
    '96M',
    '--json',
    '--dir',
    join(dir, 'net'),
  ]
  const done = await runBootswarm(args).finished
  assert.is(done.code, 0, done.stderr)
  const lines = done.stdout.trimEnd().split('\n')
  assert.is(lines.length, 1, 'one object on standard output')
  const result = JSON.parse(lines[0] ?? '') as MassBootResult
  assert.is(result.nodes, 3)
  assert.is(result.verified, 3)
  assert.is(result.update.verified, 3)
  assert.is(result.imageBytes, 96 * MiB)
  assert.ok(result.seconds > 0 && result.wireBytes > 0 && result.update.wireBytes > 0)
  assert.ok(result.originEgressCopies >= 0.99 && result.originEgressCopies <= 1.5, done.stderr)
  assert.ok(result.peerShare > 0.4 && result.peerShare < 1, done.stderr)
  assert.ok(result.update.newBytesShare > 0 && result.update.newBytesShare < 0.5, done.stderr)
  assert.ok(
    result.update.ofPerfect >= 0.99 && result.update.ofPerfect <= 1.15,
    `${result.update.ofPerfect} of perfect`,
  )
  assert.is(existsSync(join(dir, 'net')), false)
  assert.equal(processesNaming(dir), [])
})

test('runs on the testnet of "up", leaves it running, and "down" leaves nothing', async ({ dir }) => {
  const net = join(dir, 'net')
  const image = join(dir, 'own.img')
  await writeDiskImage(image, 20 * MiB)
  const up = await runBootswarm(['testnet', 'up', '--nodes', '2', '--dir', net]).finished
  assert.is(up.code, 0, up.stderr)
  assert.match(up.stdout, /XDG_CONFIG_HOME=/)
  assert.is(processesNaming(net).length, 3)

  const again = await runBootswarm(['testnet', 'up', '--nodes', '2', '--dir', net]).finished
  assert.is(again.code, 5, 'a second one in its place is a conflict')
  const ran = await runBootswarm(['testnet', 'run', 'mass-boot', '--image', image, '--dir', net]).finished
  assert.is(ran.code, 0, ran.stderr)
  assert.match(ran.stdout, /All 2 nodes complete .* 2 verified/)
  const env = { XDG_CONFIG_HOME: join(net, 'cli') }
  const status = await runBootswarm(['node', 'status'], env).finished
  assert.is(status.code, 0, status.stderr)

  const down = await runBootswarm(['testnet', 'down', '--dir', net]).finished
  assert.is(down.code, 0, down.stderr)
  assert.equal(processesNaming(net), [])
  assert.equal(await readdir(dir), ['own.img'])
  assert.is((await runBootswarm(['testnet', 'down', '--dir', net]).finished).code, 3)
})

test('ends its daemons and removes its files on Ctrl-C', async ({ dir }) => {
  const net = join(dir, 'net')
  const image = join(dir, 'own.img')
  await writeDiskImage(image, 20 * MiB)
  const args = ['testnet', 'run', 'mass-boot', '--nodes', '2', '--image', image, '--dir', net]
  const running = runBootswarm(args)
  await running.said('nodes ready')
  assert.ok(processesNaming(net).length >= 3)
  running.child.kill('SIGINT')
  assert.is((await running.finished).code, 130)
  assert.equal(processesNaming(net), [])
  assert.is(existsSync(net), false)
})

test('says what there is when it does not know the scenario', async () => {
  const done = await runBootswarm(['testnet', 'run', 'coffee']).finished
  assert.is(done.code, 2)
  assert.match(done.stderr, /there is no scenario "coffee"; there is: mass-boot/)
})

test.run()
