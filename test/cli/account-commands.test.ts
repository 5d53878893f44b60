import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Tracker } from '../../tracker/tracker.ts'
import { type CliRun, runHere } from '../fixtures/cli.ts'
import { TRACKER_NAME, TrackerSite } from '../fixtures/tracker.ts'

interface Context {
  site: TrackerSite
  tracker: Tracker
  run: (...argv: string[]) => Promise<CliRun>
}
const test = suite<Context>('users and groups')

test.before(async (context) => {
  const site = await TrackerSite.create()
  const tracker = await site.start()
  const { certificatePem, keyPem } = await site.user('admin')
  const at = (name: string) => join(site.dir, name)
  writeFileSync(at('admin.pem'), certificatePem)
  writeFileSync(at('admin.key'), keyPem, { mode: 0o600 })
  const env = {
    BOOTSWARM_TRACKER: tracker.url,
    BOOTSWARM_TRACKER_NAME: TRACKER_NAME,
    ...{ BOOTSWARM_CERTIFICATE: at('admin.pem'), BOOTSWARM_KEY: at('admin.key'), BOOTSWARM_CA: at('ca.pem') },
  }
  Object.assign(context, { site, tracker, run: (...argv: string[]) => runHere(argv, env) })
})
test.after(async ({ tracker, site }) => {
  await tracker.stop()
  await site.remove()
})

async function json({ run }: Context, ...argv: string[]) {
  const { code, stdout, stderr } = await run(...argv, '-o', 'json')
  assert.is(code, 0, stderr)
  return JSON.parse(stdout)
}

async function done({ run }: Context, ...argv: string[]): Promise<void> {
  const { code, stdout, stderr } = await run(...argv)
  assert.equal([code, stdout], [0, ''], stderr)
}

test('the life of a user', async (context) => {
  await done(
    context,
    'user',
    'add',
    'alice',
    '--dn',
    '/O=Example/CN=Alice A',
    '--full-name',
    'Alice A',
    '--quota-bytes',
    '50GiB',
  )
  const alice = await json(context, 'user', 'show', 'alice')
  assert.equal(
    [alice.state, alice.client_dn, alice.quota_bytes],
    ['active', '/O=Example/CN=Alice A', 50 * 1024 ** 3],
  )
  await done(context, 'user', 'suspend', 'alice')
  assert.is((await json(context, 'user', 'show', 'alice')).state, 'suspended')
  await done(context, 'user', 'activate', 'alice')
  await done(context, 'user', 'set', 'alice', '--email', 'alice@example.org', '--quota-images', '7')
  assert.equal(
    (await json(context, 'user', 'ls')).map((user: { user_name: string }) => user.user_name).sort(),
    ['admin', 'alice'],
  )
  const again = await context.run('user', 'add', 'alice', '--dn', '/O=Example/CN=Other')
  assert.is(again.code, 5)
  await done(context, 'user', 'retire', 'alice')
  assert.is((await context.run('user', 'rm', 'alice')).code, 2)
  await done(context, 'user', 'rm', 'alice', '--yes')
  assert.is((await context.run('user', 'show', 'alice')).code, 3)
})

test('the life of a group', async (context) => {
  await done(context, 'user', 'add', 'bob', '--dn', '/O=Example/CN=Bob')
  await done(context, 'group', 'add', 'physics', '--user', 'bob', '--permission', 'image_modify_group')
  const group = await json(context, 'group', 'show', 'physics')
  assert.equal(group.permissions, ['image_modify_group'])
  assert.equal(group.users.length, 1)
  await done(context, 'group', 'leave', 'physics', 'bob')
  await done(context, 'group', 'join', 'physics', 'bob', 'admin')
  await done(context, 'group', 'deny', 'physics', 'image_modify_group')
  assert.is((await context.run('group', 'allow', 'physics', 'fly')).code, 2)
  assert.match((await context.run('group', 'ls', '--user', 'bob', '-o', 'name')).stdout, /^physics$/m)
  await done(context, 'group', 'mv', 'physics', 'chemistry')
  assert.is((await context.run('group', 'show', 'physics')).code, 3)
  assert.is((await context.run('group', 'rm', 'admins', '--yes')).code, 4)
  await done(context, 'group', 'rm', 'chemistry', '--yes')
})

test('the life of a namespace', async (context) => {
  await done(context, 'group', 'add', 'physics')
  await done(context, 'namespace', 'add', 'atlas', '--group', 'physics')
  await done(context, 'namespace', 'add', 'mine')
  const list = await json(context, 'namespace', 'ls')
  const owners = list.map((one: Record<string, unknown>) => [one['namespace'], one['user'], one['group']])
  assert.equal(owners, [
    ['atlas', null, 'physics'],
    ['mine', 'admin', null],
  ])
  assert.match((await context.run('namespace', 'ls')).stdout, /atlas +physics \(group\)/)
  assert.is((await context.run('namespace', 'add', 'atlas')).code, 5)
  assert.is((await context.run('namespace', 'add', 'x', '--group', 'a', '--user', 'b')).code, 2)
  await done(context, 'namespace', 'rm', 'atlas')
  assert.is((await context.run('namespace', 'rm', 'atlas')).code, 3)
})

test.run()
