import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type CliRun, LAUNCHER, runHere } from '../fixtures/cli.ts'
import { writeDiskImage } from '../fixtures/disk-image.ts'

const MiB = 1024 * 1024
const test = suite('image commands')
let dir = ''
let tracker: ChildProcess | undefined

const run = (...argv: string[]): Promise<CliRun> => runHere(argv, { XDG_CONFIG_HOME: dir })

async function json(...argv: string[]) {
  const { code, stdout, stderr } = await run(...argv, '-o', 'json')
  assert.is(code, 0, stderr)
  return JSON.parse(stdout)
}

/** Starts `bootswarm tracker serve` and returns its address. */
async function startTracker(): Promise<string> {
  const config = `dataDir: data
listen: 127.0.0.1:0
identity: { certificate: localhost.pem, key: localhost.key, ca: ca.pem }
p2p: { listen: [/ip4/127.0.0.1/tcp/0] }
admins: [/O=Example/OU=users/CN=alice]
users: { onFirstContact: active }
log: { level: warn }
`
  await writeFile(join(dir, 'tracker.yaml'), config)
  const args = [LAUNCHER, 'tracker', 'serve', '--config', join(dir, 'tracker.yaml')]
  tracker = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  assert.ok(tracker.stdout)
  const lines = createInterface(tracker.stdout)
  const [line] = await Promise.race([once(lines, 'line'), once(tracker, 'exit').then(() => ['{}'])])
  return new URL(JSON.parse(line).url).port
}

test.before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'images-'))
  process.chdir(dir)
  const steps = [
    ['ca', 'init', '--organization', 'Example'],
    ['ca', 'issue', 'tracker', 'localhost', '--ip', '127.0.0.1'],
    ['ca', 'issue', 'user', 'alice'],
    ['ca', 'issue', 'user', 'bob'],
  ]
  for (const step of steps) {
    const { code, stderr } = await run(...step)
    assert.is(code, 0, stderr)
  }
  const url = `https://localhost:${await startTracker()}`
  for (const user of ['alice', 'bob']) {
    const identity = ['--certificate', `${user}.pem`, '--key', `${user}.key`, '--ca', 'ca.pem']
    await run('context', 'add', user, '--tracker', url, ...identity)
  }
  await writeDiskImage(join(dir, 'disk.img'), 6 * MiB)
})

test.after(async () => {
  if (tracker !== undefined && tracker.exitCode === null) {
    tracker.kill()
    const [code] = await once(tracker, 'exit')
    assert.is(code, 0)
  }
  process.chdir('/')
  await rm(dir, { recursive: true })
})

test('whoami is the name in the certificate', async () => {
  assert.is((await json('whoami')).dn, '/O=Example/OU=users/CN=alice')
})

test('a push makes a version, and the same bytes again send nothing', async () => {
  const first = await json('image', 'push', 'disk.img', 'site/disk:one')
  assert.is(first.reference, 'site/disk@1')
  assert.equal(first.tags, ['one'])
  assert.is(first.imageBytes, 6 * MiB)
  assert.ok(first.newBytes > 5 * MiB)
  const second = await json('image', 'push', 'disk.img', 'site/disk', '--tag', 'two')
  assert.is(second.version, 2)
  assert.equal(second.tags, ['latest', 'two'])
  assert.is(second.newBytes, 0)
  assert.is(second.manifest, first.manifest)
})

test('standard input is pushed like a file', async () => {
  const line = `cat disk.img | "${process.execPath}" "${LAUNCHER}" image push - site/piped -o json --progress none`
  const env = { ...process.env, XDG_CONFIG_HOME: dir }
  const piped = JSON.parse(execFileSync('/bin/sh', ['-c', line], { cwd: dir, env }).toString())
  assert.is(piped.manifest, (await json('image', 'show', 'site/disk:one')).versions[0].manifest)
})

test('images are listed, shown and named', async () => {
  assert.is((await run('image', 'ls', '-o', 'name')).stdout, 'site/disk\nsite/piped\n')
  const shown = await json('image', 'show', 'site/disk:two')
  assert.equal(shown.tags, { latest: 2, two: 2 })
  assert.equal(
    shown.versions.map(({ version }: { version: number }) => version),
    [2],
  )
  assert.match(
    (await run('image', 'ls')).stdout,
    /^IMAGE +VERSIONS +TAGS +SIZE +STATE +PUSHED\nsite\/disk +2 +latest=2 one=1 two=2 +6\.0 MiB +available/,
  )
  assert.is((await run('image', 'show', 'site/none')).code, 3)
  assert.is((await run('image', 'show', 'site/disk:none')).code, 3)
})

test('a tag is moved and removed', async () => {
  assert.is((await run('image', 'tag', 'site/disk@1', 'latest')).code, 0)
  assert.is((await json('image', 'show', 'site/disk')).tags.latest, 1)
  assert.is((await run('image', 'rm', 'site/disk:two')).code, 0)
  assert.equal((await json('image', 'show', 'site/disk')).tags, { latest: 1, one: 1 })
})

test('somebody else reads what is public, and does not write', async () => {
  assert.equal(await json('image', 'ls', '--context', 'bob'), [])
  assert.is((await run('image', 'set', 'site/disk', 'permission=public')).code, 0)
  assert.is((await json('image', 'ls', '--context', 'bob')).length, 1)
  for (const argv of [
    ['push', 'disk.img', 'site/disk'],
    ['tag', 'site/disk@1', 'x'],
    ['rm', 'site/disk', '-y'],
  ]) {
    const { code, stderr } = await run('image', ...argv, '--context', 'bob')
    assert.is(code, 4, argv.join(' '))
    assert.match(stderr, 'bootswarm whoami')
  }
})

test('an image is verified against its record, at the tracker and offline', async () => {
  const online = await json('image', 'verify', 'site/disk:one')
  assert.is(online.signedBy, 'localhost')
  await writeFile(join(dir, 'disk.jws'), (await run('image', 'show', 'site/disk:one', '--record')).stdout)
  const { checks, ...offline } = await json('image', 'verify', 'disk.img', '--record', 'disk.jws')
  const { checks: _, ...same } = online
  assert.equal(offline, same)
  assert.equal(
    checks.map(({ what }: { what: string }) => what),
    ['record', 'bytes'],
  )
  assert.is((await json('image', 'verify', 'disk.img', '--manifest', online.manifest)).sha256, online.sha256)
})

test('a changed byte, a changed record and another signer are found', async () => {
  await writeFile(join(dir, 'bad.img'), await readFile(join(dir, 'disk.img')))
  const bad = await open(join(dir, 'bad.img'), 'r+')
  await bad.write(Buffer.from('x'), 0, 1, 3_000_001)
  await bad.close()
  assert.is((await run('image', 'verify', 'bad.img', '--record', 'disk.jws')).code, 6)
  const [head, claims, signature] = (await readFile(join(dir, 'disk.jws'), 'utf8')).trim().split('.')
  const forged = Buffer.from(claims ?? '', 'base64url')
    .toString()
    .replace('"version":1', '"version":9')
  await writeFile(
    join(dir, 'forged.jws'),
    [head, Buffer.from(forged).toString('base64url'), signature].join('.'),
  )
  assert.is((await run('image', 'verify', 'disk.img', '--record', 'forged.jws')).code, 6)
  const other = await run(
    'image',
    'verify',
    'disk.img',
    '--record',
    'disk.jws',
    '--tracker-name',
    'other.example',
  )
  assert.is(other.code, 4)
})

test('a whole image is only removed when it is said', async () => {
  const { code, stderr } = await run('image', 'rm', 'site/piped')
  assert.is(code, 2)
  assert.match(stderr, '--yes')
  assert.is((await run('image', 'rm', 'site/piped', '--yes')).code, 0)
  assert.is((await run('image', 'ls', '-o', 'name')).stdout, 'site/disk\n')
})

test('an admin frees what no image of the tracker needs', async () => {
  const freed = await json('tracker', 'gc')
  assert.is(freed.expiredUploads, 0)
  assert.ok(freed.blocksDeleted >= 0 && freed.nodesDeleted >= 0 && freed.freedBytes >= 0)
  assert.match(
    (await run('tracker', 'gc')).stdout,
    /^freed +0 B in 0 blocks and 0 nodes\nexpired uploads +0\n$/,
  )
  assert.is((await run('tracker', 'gc', '--context', 'bob')).code, 4)
  assert.is((await json('image', 'verify', 'site/disk:one')).signedBy, 'localhost')
})

test('Ctrl-C stops a push with 130 and says how to go on', async () => {
  const env = { ...process.env, XDG_CONFIG_HOME: dir }
  const args = [LAUNCHER, 'image', 'push', '-', 'site/slow', '--progress', 'json']
  const child = spawn(process.execPath, args, { cwd: dir, env, stdio: ['pipe', 'ignore', 'pipe'] })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (piece: string) => (stderr += piece))
  // Half an image and then nothing: the push waits until it is stopped.
  child.stdin.on('error', () => {})
  child.stdin.write(await readFile(join(dir, 'disk.img')))
  while (!(await run('image', 'ls', '-o', 'name')).stdout.includes('site/slow')) await sleep(50)
  child.kill('SIGINT')
  const [code] = await once(child, 'close')
  assert.is(code, 130, stderr)
  assert.match(stderr, /bootswarm: stopped; what arrived is kept: push again to go on/)
})

test.run()
