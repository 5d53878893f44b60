import { spawnSync } from 'node:child_process'
import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { payloadOf } from '../../src/core/chain.ts'
import type { Tracker } from '../../tracker/tracker.ts'
import { type CliRun, LAUNCHER, runHere } from '../fixtures/cli.ts'
import { makeProxy, proxyFileText } from '../fixtures/make-proxy.ts'
import { editDatabase } from '../fixtures/registry.ts'
import { testImage } from '../fixtures/test-image.ts'
import { TRACKER_NAME, TrackerSite } from '../fixtures/tracker.ts'

interface Context {
  site: TrackerSite
  tracker: Tracker
  /** Runs a command as a user, in the folder of the site. */
  as: (user: string, ...argv: string[]) => Promise<CliRun>
  json: (user: string, ...argv: string[]) => Promise<never>
}
const test = suite<Context>('commands about what is signed')
const image = testImage({ seed: 'disk', blocks: 40, zeros: true })

test.before(async (context) => {
  const site = await TrackerSite.create()
  context.site = site
  context.tracker = await site.start()
  for (const name of ['alice', 'bob', 'admin']) {
    const { certificatePem, keyPem } = await site.user(name)
    await writeFile(join(site.dir, `${name}.pem`), certificatePem)
    await writeFile(join(site.dir, `${name}.key`), keyPem, { mode: 0o600 })
  }
  await writeFile(join(site.dir, 'disk.img'), image.bytes)
  context.as = (user, ...argv) =>
    runHere(argv, {
      BOOTSWARM_TRACKER: context.tracker.url,
      BOOTSWARM_TRACKER_NAME: TRACKER_NAME,
      BOOTSWARM_CERTIFICATE: join(site.dir, `${user}.pem`),
      BOOTSWARM_KEY: join(site.dir, `${user}.key`),
      BOOTSWARM_CA: join(site.dir, 'ca.pem'),
    })
  context.json = async (user, ...argv) => {
    const { code, stdout, stderr } = await context.as(user, ...argv, '-o', 'json')
    assert.is(code, 0, stderr)
    return JSON.parse(stdout) as never
  }
  for (const user of ['bob', 'admin']) assert.is((await context.as(user, 'whoami')).code, 0)
})
test.after(async ({ site, tracker }) => {
  await tracker?.stop()
  await site?.remove()
})

const at = ({ site }: Context, ...path: string[]) => join(site.dir, ...path)

/** A verification that knows nothing but files, in a process of its own; without any network where that can be had. */
function offline(
  { site }: Context,
  ...argv: string[]
): { code: number | null; stdout: string; stderr: string; alone: boolean } {
  const alone = spawnSync('unshare', ['-n', 'true']).status === 0
  const command = [
    process.execPath,
    LAUNCHER,
    ...argv,
    '--ca',
    join(site.dir, 'ca.pem'),
    '--tracker-name',
    TRACKER_NAME,
  ]
  const [program = '', ...args] = alone ? ['unshare', '-n', ...command] : command
  const env = { PATH: process.env['PATH'] ?? '', XDG_CONFIG_HOME: '/nonexistent' }
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', env })
  return { code: status, stdout, stderr, alone }
}

/** The same in this process, which is faster, with no tracker to ask. */
function byFiles({ site }: Context, ...argv: string[]): Promise<CliRun> {
  const env = { BOOTSWARM_CA: join(site.dir, 'ca.pem'), BOOTSWARM_TRACKER_NAME: TRACKER_NAME }
  return runHere(argv, env)
}

test('push --sign signs what was read, also with a proxy', async (context) => {
  const { as, json, site } = context
  const pushed: { version: number; signedBy: string } = await json(
    'alice',
    'image',
    'push',
    at(context, 'disk.img'),
    'alice/debian',
    '--sign',
  )
  assert.equal([pushed.version, pushed.signedBy], [1, '/O=Example/OU=users/CN=alice'])
  const proxy = await makeProxy(await site.user('alice'))
  await writeFile(at(context, 'proxy'), proxyFileText(proxy), { mode: 0o600 })
  const file = ['--certificate', at(context, 'proxy'), '--key', at(context, 'proxy')]
  const { code, stdout, stderr } = await as(
    'alice',
    'image',
    'push',
    at(context, 'disk.img'),
    'alice/debian',
    '--sign',
    ...file,
  )
  assert.is(code, 0, stderr)
  assert.match(stdout, /signed by {2}\/O=Example\/OU=users\/CN=alice/)
  const limited = await makeProxy(await site.user('alice'), { limited: true })
  await writeFile(at(context, 'limited'), proxyFileText(limited), { mode: 0o600 })
  const lesser = ['--certificate', at(context, 'limited'), '--key', at(context, 'limited')]
  assert.is(
    (await as('alice', 'image', 'push', at(context, 'disk.img'), 'alice/debian', '--sign', ...lesser)).code,
    4,
  )
})

test('sign signs a version that is there, after comparing it where a file is given', async (context) => {
  const { as, json } = context
  await json('alice', 'image', 'push', at(context, 'disk.img'), 'alice/unsigned')
  await writeFile(at(context, 'other.img'), 'other')
  const refused = await as('alice', 'image', 'sign', 'alice/unsigned', '--file', at(context, 'other.img'))
  assert.is(refused.code, 6)
  const { stdout } = await as('alice', 'image', 'sign', 'alice/unsigned', '--file', at(context, 'disk.img'))
  assert.match(stdout, /signed +alice\/unsigned@1\nby +\/O=Example\/OU=users\/CN=alice\nattested +20/)
  assert.match((await as('alice', 'image', 'sign', 'alice/unsigned@1')).stdout, /not compared/)
})

test('acl grant, revoke, set, show and history', async ({ as, json }) => {
  const place = 'alice/debian'
  assert.is((await as('alice', 'acl', 'grant', place, 'user:bob', 'read')).code, 0)
  const granted: { version: number } = await json('alice', 'acl', 'grant', place, 'user:bob', 'write')
  assert.is((await as('alice', 'acl', 'grant', place, 'anyone', 'read', '--if-version', '2')).code, 5)
  const expected = ['--if-version', String(granted.version)]
  const { stdout } = await as('alice', 'acl', 'set', place, 'anyone=read', 'group:nodes=read', ...expected)
  assert.match(stdout, /entries +anyone=read\n +group:nodes=read/)
  assert.is((await as('alice', 'acl', 'revoke', place, 'anyone')).code, 0)
  const shown: { entries: unknown[]; owner: unknown } = await json('alice', 'acl', 'show', place)
  assert.equal(shown.entries, [{ kind: 'group', subject: 'nodes', right: 'read' }])
  const history: { version: number; changes: string[] }[] = await json('alice', 'acl', 'history', place)
  assert.equal(
    history.map(({ version, changes }) => [version, changes.join(' ')]),
    [
      [5, '-anyone'],
      [4, '+anyone=read +group:nodes=read -user:bob'],
      [3, '+user:bob=write'],
      [2, '+user:bob=read'],
      [1, 'owner user:alice'],
    ],
  )
  assert.is((await as('bob', 'acl', 'show', place)).code, 4)
  for (const [argv, code] of [
    [['grant', place, 'bob', 'read'], 2],
    [['grant', place, 'user:bob', 'own'], 2],
    [['grant', place, 'user:nobody', 'read'], 2],
    [['set', place, 'user:bob'], 2],
    [['show', 'a/b/c'], 2],
    [['show', 'alice/none'], 3],
  ] as const)
    assert.is((await as('alice', 'acl', ...argv)).code, code, argv.join(' '))
})

test('a proof is verified from its files alone, by a process that can ask nobody', async (context) => {
  const { as, json } = context
  const dir = at(context, 'proof')
  const { code, stderr } = await as('alice', 'image', 'proof', 'alice/debian', '--out', dir)
  assert.is(code, 0, stderr)
  assert.is((await as('alice', 'image', 'proof', 'alice/debian', '--out', dir)).code, 5)
  const verified = offline(
    context,
    'image',
    'verify',
    'alice/debian@2',
    '--files',
    dir,
    '--file',
    at(context, 'disk.img'),
  )
  assert.is(verified.code, 0, verified.stderr)
  for (const line of [
    /^verified +alice\/debian@2$/m,
    /^checked: records +2 signed statements, each naming the one before$/m,
    /^checked: publisher +\/O=Example\/OU=users\/CN=alice signed these bytes, with a proxy of depth 1; attested/m,
    /^checked: ACL of the image +5 signed statements.*user:alice owns it, group:nodes=read$/m,
    /^checked: ACL of the namespace/m,
    /^checked: manifest/m,
    /^checked: bytes/m,
  ])
    assert.match(verified.stdout, line)
  assert.not.match(verified.stdout, /not checked/)
  if (!verified.alone) console.log('unshare -n does not work here: the network was only not used')
  const without = offline(context, 'image', 'verify', 'alice/debian', '--files', dir)
  assert.match(without.stdout, /^not checked: bytes/m)
  const chains = offline(
    context,
    'acl',
    'verify',
    ...['image-acl.jws', 'namespace-acl.jws', 'records.jws'].map((name) => join(dir, name)),
  )
  assert.is(chains.code, 0, chains.stderr)
  assert.match(chains.stdout, /image:.*namespace:alice.*record:/s)
  const online: { checks: { what: string; checked: boolean }[] } = await json(
    'alice',
    'image',
    'verify',
    'alice/debian',
  )
  assert.equal(
    online.checks.flatMap(({ what, checked }) => (checked ? [what] : [])),
    ['records', 'publisher', 'ACL of the image', 'ACL of the namespace', 'bytes'],
  )
})

test('a proof that somebody has touched does not verify', async (context) => {
  const dir = at(context, 'proof')
  const verify = (folder: string, ...more: string[]) =>
    byFiles(context, 'image', 'verify', 'alice/debian@2', '--files', folder, ...more)
  const lines = async (name: string) => (await readFile(join(dir, name), 'utf8')).trim().split('\n')
  const write = (folder: string, name: string, tokens: readonly string[]) =>
    writeFile(join(folder, name), tokens.map((token) => `${token}\n`).join(''))
  const forge = (token = '', change: object = {}) => {
    const [header, , signature] = token.split('.')
    const claims = { ...JSON.parse(Buffer.from(payloadOf(token)).toString()), ...change }
    return `${header}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.${signature}`
  }
  const records = await lines('records.jws')
  const acl = await lines('image-acl.jws')
  const cases: [string, (folder: string) => Promise<void>, RegExp][] = [
    [
      'a forged record',
      (to) => write(to, 'records.jws', [records[0] ?? '', forge(records[1], { size: 1 })]),
      /signature/,
    ],
    ['a record that is missing', (to) => write(to, 'records.jws', records.slice(1)), /comes next/],
    ['records in another order', (to) => write(to, 'records.jws', records.toReversed()), /comes next/],
    ['a record twice', (to) => write(to, 'records.jws', [...records, records[1] ?? '']), /comes next/],
    ['an ACL without its middle', (to) => write(to, 'image-acl.jws', acl.toSpliced(1, 1)), /comes next/],
    [
      'a forged ACL',
      (to) => write(to, 'image-acl.jws', [...acl.slice(0, -1), forge(acl.at(-1), { entries: [] })]),
      /signature/,
    ],
    [
      'the ACL of the namespace for that of the image',
      (to) => cp(join(dir, 'namespace-acl.jws'), join(to, 'image-acl.jws')),
      /image-acl.jws has the ACL/,
    ],
    ['records for an ACL', (to) => cp(join(dir, 'records.jws'), join(to, 'image-acl.jws')), /type/],
    [
      'another publication',
      (to) => writeFile(join(to, 'publication.jws'), records[0] ?? ''),
      /names another signature/,
    ],
    ['another manifest', (to) => writeFile(join(to, 'manifest.cbor'), 'x'), /not the manifest/],
    ['no JWS at all', (to) => writeFile(join(to, 'records.jws'), 'hello\n'), /line 1/],
  ]
  for (const [i, [what, change, message]] of cases.entries()) {
    const folder = at(context, `forged-${i}`)
    await cp(dir, folder, { recursive: true })
    await change(folder)
    const { code, stderr } = await verify(folder)
    assert.is(code, what === 'no JWS at all' ? 2 : 6, `${what}: ${stderr}`)
    assert.match(stderr, message, what)
  }
  await writeFile(at(context, 'changed.img'), Buffer.concat([image.bytes.subarray(1), Buffer.of(1)]))
  assert.is((await verify(dir, '--file', at(context, 'changed.img'))).code, 6)
  assert.is((await verify(dir, '--at', '2020-01-01')).code, 6)
  assert.is((await verify(dir, '--at', 'soon')).code, 2)
  assert.is((await byFiles(context, 'image', 'verify', 'alice/other@2', '--files', dir)).code, 6)
  assert.is((await byFiles(context, 'image', 'verify', 'alice/debian@9', '--files', dir)).code, 3)
  assert.is((await byFiles(context, 'image', 'verify', 'alice/debian:latest', '--files', dir)).code, 2)
  assert.is((await verify(at(context, 'nothing'))).code, 3)
  const stranger = await verify(dir, '--tracker-name', 'other.example')
  assert.is(stranger.code, 6)
})

test('what is missing in a proof is said', async (context) => {
  const { as } = context
  assert.is((await as('alice', 'acl', 'grant', 'alice/debian', 'user:bob', 'read')).code, 0)
  const dir = at(context, 'readers-proof')
  assert.is((await as('bob', 'image', 'proof', 'alice/debian', '--out', dir, '--no-manifest')).code, 0)
  const { code, stdout } = await byFiles(context, 'image', 'verify', 'alice/debian@2', '--files', dir)
  assert.is(code, 0)
  for (const what of ['ACL of the image', 'ACL of the namespace', 'manifest', 'bytes'])
    assert.match(stdout, new RegExp(`^not checked: ${what}`, 'm'))
})

test('flags that do not go together are usage errors', async ({ as }) => {
  for (const argv of [
    ['alice/debian', '--files', 'x', '--record', 'y'],
    ['alice/debian', '--file', 'x'],
  ])
    assert.is((await as('alice', 'image', 'verify', ...argv)).code, 2)
  assert.is((await as('admin', 'tracker', 'acl-repair')).code, 2)
  assert.is((await as('admin', 'tracker', 'acl-repair', 'x', '--all')).code, 2)
  assert.is((await as('admin', 'tracker', 'acl-repair', '--all')).code, 2, 'nobody can be asked')
})

test('an admin checks and repairs', async (context) => {
  const { as, json } = context
  assert.match((await as('admin', 'tracker', 'acl-check')).stdout, /problems +none/)
  editDatabase(at(context, 'data'), (db) => db.exec("delete from acls where target = 'namespace:alice'"))
  const found = await as('admin', 'tracker', 'acl-check')
  assert.is(found.code, 6)
  assert.match(found.stdout, /namespace:alice +the ACL of namespace:alice was removed/)
  assert.is((await as('alice', 'image', 'show', 'alice/debian')).code, 6)
  const repaired: { target: string }[] = await json('admin', 'tracker', 'acl-repair', '--all', '--keep')
  assert.equal(
    repaired.map(({ target }) => target),
    ['namespace:alice'],
  )
  assert.match((await as('admin', 'tracker', 'acl-repair', '--all', '--yes')).stdout, /nothing was wrong/)
  assert.is((await as('alice', 'image', 'show', 'alice/debian')).code, 0)
  assert.is((await as('alice', 'tracker', 'acl-check')).code, 4)
  const dir = at(context, 'repaired-proof')
  assert.is((await as('alice', 'image', 'proof', 'alice/debian', '--out', dir, '--no-manifest')).code, 0)
  assert.match(
    (await byFiles(context, 'image', 'verify', 'alice/debian', '--files', dir)).stdout,
    /an admin went on after a loss of 1/,
  )
})

test.run()
