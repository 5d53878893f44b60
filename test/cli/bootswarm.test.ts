import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { parse } from 'yaml'
import { buildProgram } from '../../src/cli/program.ts'
import { LAUNCHER, runBootswarm, runHere, testShell } from '../fixtures/cli.ts'

const test = suite('bootswarm')
let dir = ''
test.before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cli-'))
  process.chdir(dir)
})
test.after(async () => {
  process.chdir('/')
  await rm(dir, { recursive: true })
})

/** Every command, as `bootswarm help` must explain it. */
const COMMANDS =
  `image push|image pull|image ls|image search|image show|image create|image set|image mv|image share|image unshare|
  image tag|image rm|image verify|node serve|node status|node peers|
  node gc|node verify|tracker serve|tracker gc|ca init|ca issue|context ls|context show|context use|context add|whoami|version`
    .split('|')
    .map((command) => command.trim().split(' '))

test('help names every noun on standard output', async () => {
  const { code, stdout, stderr } = await runBootswarm(['--help'])
  assert.is(code, 0)
  assert.is(stderr, '')
  for (const noun of ['image', 'node', 'tracker', 'ca', 'context', 'testnet'])
    assert.match(stdout, `\n  ${noun} `)
  assert.match(stdout, 'Examples:')
})

test('the help of each command teaches with an example', async () => {
  for (const words of COMMANDS) {
    const shell = testShell()
    await buildProgram(shell)
      .parseAsync(['help', ...words], { from: 'user' })
      .catch(() => {})
    assert.match(shell.terminal.stdout.text, `Usage: bootswarm ${words.join(' ')}`)
    if (!/version|context (ls|show|use)/.test(words.join(' ')))
      assert.match(shell.terminal.stdout.text, `bootswarm ${words.join(' ')}`)
  }
})

test('an unknown command gets a suggestion and exit code 2', async () => {
  const { code, stdout, stderr } = await runBootswarm(['imgae', 'ls'])
  assert.is(code, 2)
  assert.is(stdout, '')
  assert.is(stderr, "bootswarm: unknown command 'imgae' (Did you mean image?)\nSee: bootswarm --help\n")
})

test('wrong usage ends with 2 and says where the help is', async () => {
  const wrong = [
    ['image', 'push', 'x'],
    ['image', 'ls', '--frmat', 'json'],
    ['image', 'ls', '-o', 'xml'],
    ['tracker', 'serve'],
    ['image', 'push', 'x', 'not-a-reference'],
    ['image', 'push', 'x', 'a/b@3'],
  ]
  for (const argv of wrong) {
    const { code, stdout, stderr } = await runHere(argv)
    assert.is(code, 2, argv.join(' '))
    assert.is(stdout, '')
    assert.match(stderr, /^bootswarm: /)
  }
})

test('a command without a tracker says how to give one', async () => {
  const { code, stderr } = await runHere(['image', 'ls'])
  assert.is(code, 2)
  assert.match(stderr, /no tracker is given[\s\S]*--tracker.*BOOTSWARM_TRACKER.*context add/)
})

test('a node that does not run is unreachable', async () => {
  const { code, stderr } = await runBootswarm(['node', 'status', '--socket', join(dir, 'none.sock')])
  assert.is(code, 7)
  assert.match(stderr, /no node answers at .*none\.sock/)
})

test('version is data: json, yaml, name', async () => {
  const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'))
  assert.is((await runHere(['--version'])).stdout, `${version}\n`)
  assert.is((await runHere(['version', '-o', 'name'])).stdout, `${version}\n`)
  assert.equal(JSON.parse((await runBootswarm(['version', '-o', 'json'])).stdout).bootswarm, version)
  assert.is(parse((await runHere(['version', '-o', 'yaml'])).stdout).node, process.version)
})

test('help exit-codes prints the table', async () => {
  const { code, stdout } = await runHere(['help', 'exit-codes'])
  assert.is(code, 0)
  assert.match(stdout, /^ +6 {2}integrity/m)
})

test('a site authority issues an identity whose key is private', async () => {
  const ca = join(dir, 'ca')
  assert.is(
    (await runBootswarm(['ca', 'init', '--dir', ca, '--name', 'Test CA', '--organization', 'Test'])).code,
    0,
  )
  const issued = await runBootswarm([
    'ca',
    'issue',
    'user',
    'alice',
    '--ca-dir',
    ca,
    '--out',
    dir,
    '-o',
    'json',
  ])
  assert.is(issued.code, 0, issued.stderr)
  assert.match(JSON.parse(issued.stdout).dn, 'CN=alice')
  assert.is((await stat(join(dir, 'alice.key'))).mode & 0o777, 0o600)
  const again = await runBootswarm(['ca', 'init', '--dir', ca])
  assert.is(again.code, 5, 'an authority is never overwritten')
})

test('contexts are kept, listed, chosen and explained', async () => {
  const env = { XDG_CONFIG_HOME: join(dir, 'xdg') }
  const run = (...argv: string[]) => runHere(argv, env)
  await run(
    'context',
    'add',
    'one',
    '--tracker',
    'https://one.example:8443',
    '--certificate',
    'a.pem',
    '--key',
    'a.key',
    '--ca',
    'ca.pem',
  )
  await run(
    'context',
    'add',
    'two',
    '--tracker',
    'https://two.example',
    '--tracker-name',
    'tracker.two',
    '--socket',
    'n.sock',
  )
  assert.is((await run('context', 'ls', '-o', 'name')).stdout, 'one\ntwo\n')
  const shown = JSON.parse((await run('context', 'show', '--key', '/other.key', '-o', 'json')).stdout)
  assert.is(shown.context, 'one')
  assert.equal(shown.values.trackerName, { value: 'one.example', from: 'host of the address' })
  assert.equal(shown.values.key, { value: '/other.key', from: '--key' })
  assert.is(shown.values.certificate.value, join(dir, 'a.pem'))
  assert.is((await run('context', 'use', 'two')).code, 0)
  assert.is(
    JSON.parse((await run('context', 'show', '-o', 'json')).stdout).values.trackerName.value,
    'tracker.two',
  )
  assert.is((await run('context', 'use', 'three')).code, 3)
})

test('a wrong configuration file is named with its key', async () => {
  const path = join(dir, 'wrong.yaml')
  await writeFile(path, 'curent: x\n')
  const { code, stderr } = await runHere(['image', 'ls'], { BOOTSWARM_CONFIG: path })
  assert.is(code, 2)
  assert.match(stderr, /wrong\.yaml: curent: /)
})

test('a reader that goes away is no error', () => {
  const line = `set -o pipefail; "${process.execPath}" "${LAUNCHER}" help exit-codes | true`
  execFileSync('/bin/bash', ['-c', line], { stdio: 'pipe' })
})

const OLD = ['/usr/bin/node', '/usr/local/bin/node'].find((path) => existsSync(path))

if (OLD === undefined) {
  process.stdout.write('skipped: this machine has no other Node.js than that of the package\n')
  test.skip('an old runtime hands over to that of the package')
} else {
  test('whatever Node.js is on the machine, the programs run on 24 or newer', async () => {
    const { code, stdout } = await runBootswarm(['version', '-o', 'json'], { runtime: OLD })
    assert.is(code, 0)
    assert.ok(Number(/^v(\d+)/.exec(JSON.parse(stdout).node)?.[1]) >= 24)
  })

  test('exit codes pass through the hand-over', async () => {
    assert.is((await runBootswarm(['nonsense'], { runtime: OLD })).code, 2)
  })
}

test.run()
