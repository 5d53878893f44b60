import { X509Certificate } from 'node:crypto'
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command, CommanderError } from 'commander'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { addCaCommands } from '../../src/cli/ca-command.ts'
import { systemClock } from '../../src/core/clock.ts'
import { exitCodeOf } from '../../src/core/errors.ts'
import { loadIdentity } from '../../src/identity/identity-files.ts'
import { testShell } from '../fixtures/cli.ts'

const test = suite('ca command')
let dir: string
test.before.each(async () => {
  dir = await mkdtemp(join(tmpdir(), 'bootswarm-ca-'))
})
test.after.each(() => rm(dir, { recursive: true, force: true }))

/** What one command line prints on standard output. Throws what the command throws. */
async function run(...argv: string[]): Promise<string> {
  let printed = ''
  const sink = {
    write: (text: string) => {
      printed += text
    },
  }
  const mute = { write() {} }
  const program = new Command('bootswarm').exitOverride().configureOutput({
    writeOut: sink.write,
    writeErr: mute.write,
  })
  addCaCommands(program, {
    terminal: { stdout: sink, stderr: mute, env: {}, canAsk: false },
    programs: testShell().programs,
    clock: systemClock,
    exitCode: 0,
  })
  inherit(program)
  await program.parseAsync(argv, { from: 'user' })
  return printed
}

function inherit(command: Command): void {
  for (const child of command.commands) {
    child.copyInheritedSettings(command)
    inherit(child)
  }
}

const exitCode = (...argv: string[]) =>
  run(...argv).then(
    () => 0,
    (error: unknown) => (error instanceof CommanderError ? 2 : exitCodeOf(error)),
  )

const init = () => run('ca', 'init', '--dir', dir, '--name', 'Example CA', '--organization', 'Example')
const modeOf = async (name: string) => (await stat(join(dir, name))).mode & 0o777

test('makes an authority and certificates that programs can load', async () => {
  const text = await init()
  assert.match(text, join(dir, 'ca.pem'))
  assert.match(text, '/O=Example/CN=Example CA')
  await run('ca', 'issue', 'tracker', 'tracker.testnet', '--ip', '127.0.0.1', '--ca-dir', dir, '--out', dir)
  const files = {
    certificate: join(dir, 'tracker.testnet.pem'),
    key: join(dir, 'tracker.testnet.key'),
    ca: join(dir, 'ca.pem'),
  }
  for (const host of ['tracker.testnet', '127.0.0.1']) {
    const { principal } = await loadIdentity({ ...files, purpose: 'sign', host })
    assert.is(principal.dn, '/O=Example/OU=trackers/CN=tracker.testnet')
  }
})

test('writes certificates for everybody and keys for the owner, whatever the umask', async () => {
  const before = process.umask(0o027)
  try {
    await init()
  } finally {
    process.umask(before)
  }
  assert.is(await modeOf('ca.pem'), 0o644)
  assert.is(await modeOf('ca.key'), 0o600)
})

test('prints what it wrote as JSON, without the key', async () => {
  await init()
  const line = await run(
    'ca',
    'issue',
    'user',
    'Alice Smith',
    '--days',
    '9',
    '--ca-dir',
    dir,
    '--out',
    join(dir, 'out'),
    '-o',
    'json',
  )
  const issued = JSON.parse(line)
  assert.is(issued.dn, '/O=Example/OU=users/CN=Alice Smith')
  assert.is(issued.rfc4514, 'CN=Alice Smith,OU=users,O=Example')
  assert.is(issued.certificate, join(dir, 'out', 'Alice-Smith.pem'))
  const certificate = new X509Certificate(await readFile(issued.certificate))
  assert.is(issued.fingerprint256, certificate.fingerprint256)
  assert.is(Date.parse(issued.validUntil), Date.parse(certificate.validTo))
  assert.not.match(line, 'PRIVATE')
})

test('never overwrites a file', async () => {
  await init()
  const before = await readFile(join(dir, 'ca.key'))
  assert.is(await exitCode('ca', 'init', '--dir', dir), 5)
  assert.equal(await readFile(join(dir, 'ca.key')), before)
  await writeFile(join(dir, 'node-1.pem'), 'mine')
  assert.is(await exitCode('ca', 'issue', 'node', 'node-1', '--ca-dir', dir, '--out', dir), 5)
  assert.is(await readFile(join(dir, 'node-1.pem'), 'utf8'), 'mine')
  assert.equal((await readdir(dir)).sort(), ['ca.key', 'ca.pem', 'node-1.pem'])
})

test('keeps files inside the folder, whatever the name', async () => {
  await init()
  await run('ca', 'issue', 'user', '../../Eve/x', '--ca-dir', dir, '--out', join(dir, 'out'))
  assert.equal(
    (await readdir(join(dir, 'out'))).sort(),
    ['-Eve-x.key', '-Eve-x.pem'].map((name) => name.slice(1)),
  )
})

test('refuses the key of a CA that others may read', async () => {
  await init()
  await chmod(join(dir, 'ca.key'), 0o644)
  assert.is(await exitCode('ca', 'issue', 'node', 'node-1', '--ca-dir', dir, '--out', dir), 4)
})

test('takes certificates back, by file and by serial number, and goes on with the same list', async () => {
  await init()
  const issue = (name: string) => run('ca', 'issue', 'node', name, '--ca-dir', dir, '--out', dir)
  await issue('node-1')
  await issue('node-2')
  const files = (name: string) => ({
    certificate: join(dir, `${name}.pem`),
    key: join(dir, `${name}.key`),
    ca: join(dir, 'ca.pem'),
    crl: join(dir, 'ca.crl'),
  })
  const text = await run(
    'ca',
    'revoke',
    join(dir, 'node-1.pem'),
    '--reason',
    'keyCompromise',
    '--ca-dir',
    dir,
  )
  assert.match(text, /revocation list .*ca.crl\nnumber +1\nrevoked +1\n/)
  assert.is((await loadIdentity(files('node-2'))).principal.commonName, 'node-2')
  const reasonOf = (name: string) =>
    loadIdentity(files(name)).then(
      () => undefined,
      (error) => error.data.reason,
    )
  assert.is(await reasonOf('node-1'), 'revoked')
  const { serialNumber } = new X509Certificate(await readFile(join(dir, 'node-2.pem')))
  await run('ca', 'revoke', serialNumber, '--ca-dir', dir)
  assert.is(await reasonOf('node-2'), 'revoked')
  const again = JSON.parse(await run('ca', 'crl', '--days', '2', '--ca-dir', dir, '-o', 'json'))
  assert.is(again.number, '3')
  assert.is(again.revoked.length, 2)
  assert.ok(Math.abs(Date.parse(again.nextUpdate) - Date.now() - 2 * 86_400_000) < 60_000)
  assert.is(await modeOf('ca.crl'), 0o644)
  assert.is(await exitCode('ca', 'revoke', join(dir, 'ca.key'), '--ca-dir', dir), 4)
  assert.is(await exitCode('ca', 'revoke', 'nobody', '--ca-dir', dir), 2)
  assert.is(await exitCode('ca', 'revoke', '0a', '--reason', 'mood', '--ca-dir', dir), 2)
})

test('tells wrong usage apart from failure', async () => {
  assert.is(await exitCode('ca', 'issue', 'router', 'r1', '--ca-dir', dir), 2)
  assert.is(await exitCode('ca', 'issue', 'node'), 2)
  assert.is(await exitCode('ca', 'init', '--dir', dir, '--days', 'x'), 2)
  assert.is(await exitCode('ca', 'issue', 'node', 'node-1', '--ca-dir', join(dir, 'none')), 4)
  await init()
  assert.is(await exitCode('ca', 'issue', 'tracker', 'Main one', '--ca-dir', dir, '--out', dir), 2)
})

test.run()
