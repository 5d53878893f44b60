import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type CliRun, runHere } from '../fixtures/cli.ts'
import { Registry } from '../fixtures/registry-site.ts'
import { testImage } from '../fixtures/test-image.ts'
import { pushImage, TRACKER_NAME } from '../fixtures/tracker.ts'

const test = suite<{ registry: Registry }>('commands for what is said of images')
let registry: Registry

test.before(async () => {
  registry = await Registry.start({ users: ['alice', 'bob'] })
  await registry.group('physics', { members: ['alice', 'bob'] })
  for (const name of ['alice', 'bob']) {
    const { certificatePem, keyPem } = await registry.identity(name)
    await writeFile(join(registry.site.dir, `${name}.pem`), certificatePem)
    await writeFile(join(registry.site.dir, `${name}.key`), keyPem, { mode: 0o600 })
  }
  const client = registry.site.client(registry.tracker.url, await registry.identity('alice'))
  await pushImage(client, testImage({ seed: 'cli', blocks: 3 }), { to: 'alice/disk' })
})
test.after(async () => {
  await registry?.stop()
})

/** `bootswarm image WORDS` as somebody. */
async function as(name: string, ...words: string[]): Promise<CliRun> {
  const at = (file: string) => join(registry.site.dir, file)
  return await runHere(['image', ...words], {
    ...{ BOOTSWARM_TRACKER: registry.tracker.url, BOOTSWARM_TRACKER_NAME: TRACKER_NAME },
    ...{
      BOOTSWARM_CERTIFICATE: at(`${name}.pem`),
      BOOTSWARM_KEY: at(`${name}.key`),
      BOOTSWARM_CA: at('ca.pem'),
    },
  })
}

async function ok(name: string, ...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await as(name, ...words)
  assert.is(code, 0, stderr)
  return stdout
}

const json = async (name: string, ...words: string[]) => JSON.parse(await ok(name, ...words, '-o', 'json'))

test('a slot is made, described, and shown', async () => {
  assert.match(
    await ok('alice', 'create', 'alice/slot', 'os=Debian 12', 'hypervisor=kvm,xen'),
    /^image +alice\/slot\n/,
  )
  assert.is((await as('alice', 'create', 'alice/slot')).code, 5)
  const said = [
    'description=for a=b tests',
    'keywords=gpu,cuda',
    'property.ticket=OPS-17',
    'expires=2030-12-31',
  ]
  assert.match(
    (await as('alice', 'set', 'alice/slot', ...said)).stderr,
    'changed description keywords property.ticket expires',
  )
  const shown = await ok('alice', 'show', 'alice/slot')
  for (const line of [
    /^state +locked$/m,
    /^system +Debian 12$/m,
    /^description +for a=b tests$/m,
    /^keywords +gpu cuda$/m,
    /^property\.ticket +OPS-17$/m,
    /^expires +2030-12-31T00:00:00Z$/m,
    /^owner +alice \(\/O=Example\/OU=users\/CN=alice\)$/m,
  ])
    assert.match(shown, line)
  await ok('alice', 'set', 'alice/slot', 'description=', 'property.ticket=')
  const { description, properties } = await json('alice', 'show', 'alice/slot')
  assert.equal([description, properties], [null, {}])
})

test('wrong words say what is wrong, and end with 2', async () => {
  for (const [words, message] of [
    [['set', 'alice/slot', 'colour'], /is not field=value/],
    [['set', 'alice/slot', 'colour=blue'], /there is no field "colour"/],
    [['set', 'alice/slot', 'os=a', 'os=b'], /given twice/],
    [['set', 'alice/slot:latest', 'os=a'], /all versions/],
    [['set', 'alice/slot'], /missing required argument/],
    [['share', 'alice/slot'], /say with whom/],
    [['ls', '--desc'], /--desc needs --sort/],
    [['ls', '--local', 'os=a'], /--local lists everything/],
    [['search', 'name where'], /the query/],
    [['mv', 'alice/slot', 'a b'], /is not a name/],
  ] as [string[], RegExp][]) {
    const { code, stderr } = await as('alice', ...words)
    assert.is(code, 2, words.join(' '))
    assert.match(stderr, message)
  }
})

test('images are found by filters and by queries', async () => {
  assert.is(await ok('alice', 'ls', 'os=Debian 12', '-o', 'name'), 'alice/slot\n')
  assert.is(await ok('alice', 'ls', '--sort', 'name', '--desc', '-o', 'name'), 'alice/slot\nalice/disk\n')
  assert.is(await ok('alice', 'ls', '--sort', 'name', '--limit', '1', '-o', 'name'), 'alice/disk\n')
  assert.match(await ok('alice', 'search', 'name,os where os~/^deb/i'), /^NAME +OS\nslot +Debian 12\n$/)
  assert.match(await ok('alice', 'search', 'where size>0'), /^IMAGE +VERSIONS.*\nalice\/disk +1 +latest=1/)
  assert.is(await ok('alice', 'search', 'name where size>0', '-o', 'name'), 'alice/disk\n')
  assert.equal(await json('alice', 'search', 'name, keywords where name=slot'), [
    { name: 'slot', keywords: ['gpu', 'cuda'] },
  ])
  const { stderr } = await as('alice', 'search', 'name limit 1')
  assert.is(stderr, 'there are more: add "offset 1"\n')
})

test('sharing with users, groups and nodes, and taking it back', async () => {
  await registry.node('hv-1')
  assert.is((await as('bob', 'show', 'alice/disk')).code, 4)
  const { stderr } = await as(
    'alice',
    'share',
    'alice/disk',
    '--user',
    'bob',
    '--group',
    'physics',
    '--node',
    'hv-1',
  )
  assert.is(stderr, 'alice/disk is shared with bob, physics, hv-1\n')
  assert.is((await as('bob', 'show', 'alice/disk')).code, 0)
  assert.match(await ok('alice', 'show', 'alice/disk'), /^shared with +user bob, group physics, node hv-1$/m)
  await ok('alice', 'unshare', 'alice/disk', '--user', 'bob', '--group', 'physics', '--node', 'hv-1')
  assert.is((await as('bob', 'show', 'alice/disk')).code, 4)
  assert.is((await as('alice', 'share', 'alice/disk', '--user', 'nobody-here')).code, 2)
  assert.is((await as('bob', 'share', 'alice/disk', '--user', 'bob')).code, 4)
  assert.is((await as('alice', 'share', 'alice/none', '--user', 'bob')).code, 3)
})

test('an image gets another name, in its namespace or in another', async () => {
  assert.is((await as('alice', 'mv', 'alice/disk', 'disk-2')).stderr, 'alice/disk is alice/disk-2 now\n')
  await ok('alice', 'mv', 'alice/disk-2', 'physics/disk')
  assert.is((await json('bob', 'show', 'physics/disk')).tags.latest, 1)
  assert.is((await as('bob', 'mv', 'physics/disk', 'bob/disk')).code, 4)
  assert.is((await as('alice', 'mv', 'physics/disk', 'bob/disk')).code, 4)
  await ok('alice', 'mv', 'physics/disk', 'alice/disk')
  assert.is((await as('alice', 'mv', 'alice/disk', 'slot')).code, 5)
})

test('a read-only image is told from one that is not one’s own', async () => {
  await ok('alice', 'set', 'alice/disk', 'read_only=true', 'permission=public')
  const { code, stderr } = await as('alice', 'set', 'alice/disk', 'os=x')
  assert.is(code, 1)
  assert.match(stderr, 'read only: unset read_only first')
  assert.match(await ok('bob', 'show', 'alice/disk'), /^state +available, read only$/m)
  assert.match(await ok('bob', 'show', 'alice/disk'), /^readable by +every user$/m)
  assert.is((await as('alice', 'rm', 'alice/disk', '--yes')).code, 1)
  await ok('alice', 'set', 'alice/disk', 'read_only=false')
  await ok('alice', 'rm', 'alice/disk', '--yes')
})

test.run()
