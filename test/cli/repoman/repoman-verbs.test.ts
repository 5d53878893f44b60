import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Tracker } from '../../../tracker/tracker.ts'
import { type CliRun, runHere } from '../../fixtures/cli.ts'
import { noise } from '../../fixtures/noise.ts'
import { TRACKER_NAME, TrackerSite } from '../../fixtures/tracker.ts'

interface Context {
  site: TrackerSite
  tracker: Tracker
  /** A verb as the admin, and as bob. */
  admin: (...argv: string[]) => Promise<CliRun>
  bob: (...argv: string[]) => Promise<CliRun>
}
const test = suite<Context>("verbs of Repoman's client")

test.before(async (context) => {
  context.site = await TrackerSite.create()
  context.tracker = await context.site.start()
  context.admin = await personOf(context, 'admin')
  context.bob = await personOf(context, 'bob')
})
test.after(async ({ tracker, site }) => {
  await tracker.stop()
  await site.remove()
})

async function personOf({ site, tracker }: Context, name: string): Promise<Context['admin']> {
  const { certificatePem, keyPem } = await site.user(name)
  const at = (end: string) => join(site.dir, `${name}${end}`)
  writeFileSync(at('.pem'), certificatePem)
  writeFileSync(at('.key'), keyPem, { mode: 0o600 })
  const env = {
    BOOTSWARM_TRACKER: tracker.url,
    BOOTSWARM_TRACKER_NAME: TRACKER_NAME,
    ...{
      BOOTSWARM_CERTIFICATE: at('.pem'),
      BOOTSWARM_KEY: at('.key'),
      BOOTSWARM_CA: join(site.dir, 'ca.pem'),
    },
  }
  return (...argv) => runHere(['repoman', ...argv], env)
}

async function ok(run: Promise<CliRun>): Promise<string> {
  const { code, stdout, stderr } = await run
  assert.is(code, 0, stderr)
  return stdout
}

test('whoami prints every field in a line of its own', async ({ admin }) => {
  assert.match(await ok(admin('whoami')), /^ *user_name : admin$/m)
})

test('the life of an image', async ({ admin, site }) => {
  const file = join(site.dir, 'disk.img')
  writeFileSync(file, noise('verbs', 1_234_567))
  assert.match(
    await ok(admin('create-image', 'sl5', '-h', 'kvm', '-d', 'Random description', '-f', file)),
    /^\[OK\] {5}Created new image 'sl5'\nUploading \S+ to image 'sl5'\.\.\.\n\[OK\] {5}\S+ uploaded to image 'sl5'\n$/,
  )
  const shown = await ok(admin('li', 'sl5'))
  assert.match(shown, /^ *hypervisor : kvm$/m)
  assert.match(shown, /^ *description : Random description$/m)
  assert.match(shown, /^ *unauthenticated_access : False$/m)
  assert.is(await ok(admin('modify-image', 'sl5', '-a', 'true')), '[OK]     Modifying image.\n')
  assert.match(await ok(admin('list-images', 'sl5')), /^ *unauthenticated_access : True$/m)
  assert.is(await ok(admin('mi', 'sl5', '-n', 'sl6')), '[OK]     Modifying image.\n')
  assert.is(await ok(admin('list-images')), 'admin/sl6\n')
  assert.match(
    await ok(admin('li', '-l')),
    /^Image Name +Owner +Size +Last Modified +Description\n-+.*\nsl6 +admin +1234567 /,
  )
  assert.match(
    await ok(admin('li', '-U')),
    /^admin\/sl6\n {2}https:\/\/.*\/raw\/admin\/__hypervisor__\/sl6$/m,
  )
  const got = join(site.dir, 'got.img')
  assert.match(await ok(admin('get-image', 'sl6', '-p', got)), /^\[OK\] {5}Image sl6 downloaded\.$/m)
  assert.ok(readFileSync(got).equals(readFileSync(file)))
  assert.is(await ok(admin('remove-image', '-f', 'sl6')), '[OK]     Removed image sl6.\n')
  const gone = await admin('put-image', file, 'sl6')
  assert.equal([gone.code, gone.stdout], [3, ''])
})

test('sharing, as scripts know it', async ({ admin, bob }) => {
  await ok(admin('ci', 'shared'))
  await ok(bob('whoami'))
  assert.is((await bob('li', 'admin/shared')).code, 4)
  assert.is(await ok(admin('siu', 'shared', 'bob')), "[OK]     Shared image: 'shared' with user: 'bob'\n")
  assert.match(await ok(bob('li', 'admin/shared')), /^ *name : shared$/m)
  assert.is(await ok(bob('list-images', '-u', 'admin')), 'admin/shared\n')
  assert.is(await ok(admin('uiu', 'shared', 'bob')), "[OK]     Unshared image: 'shared' with user: 'bob'\n")
  assert.is((await bob('li', 'admin/shared')).code, 4)
  assert.is(
    await ok(admin('sig', 'shared', 'users')),
    "[OK]     Shared image: 'shared' with group: 'users'\n",
  )
  assert.is(await ok(bob('li', '-g', 'users')), 'admin/shared\n')
  const failed = await admin('siu', 'shared', 'nobody')
  assert.is(failed.stdout, '')
  assert.match(failed.stderr, /^\[FAILED\] Shared image: 'shared' with user: 'nobody'\nbootswarm: /)
  await ok(admin('ri', '-f', 'shared'))
})

test('users and groups', async ({ admin, bob }) => {
  const dn = '/C=CA/O=Grid/OU=phys.UVic.CA/CN=Carol Two'
  assert.is(
    await ok(admin('cu', 'carol', dn, '-e', 'carol@example.org', '-f', 'Carol Two')),
    '[OK]     Created new user carol.\n',
  )
  assert.match(await ok(admin('lu')), /^carol$/m)
  assert.match(
    await ok(admin('lu', '-l')),
    /^Username +Full Name +Client DN\n-+.*\n(.*\n)*carol +Carol Two +\/C=CA/,
  )
  assert.is(await ok(admin('mu', 'carol', '-f', 'Carol')), '[OK]     Modifying user.\n')
  assert.match(
    await ok(admin('create-group', 'physics', '-p', 'image_modify,image_delete', '-u', 'carol')),
    /Creating new group: 'physics'\n\[OK\] {5}Adding permission: 'image_modify'.*\n(.*\n)*\[OK\] {5}Adding user: `carol` to group: 'physics'/,
  )
  assert.match(
    await ok(admin('lg', 'physics', '-f')),
    /^ *permissions : image_(modify|delete), image_(modify|delete)$/m,
  )
  assert.match(await ok(admin('lg', '-a')), /^physics$/m)
  await ok(admin('rug', 'physics', 'carol'))
  await ok(admin('rpg', 'physics', 'image_modify'))
  assert.is((await admin('apg', 'physics', 'fly')).code, 2)
  assert.is((await bob('rg', '-f', 'physics')).code, 4)
  assert.is(await ok(admin('rg', '-f', 'physics')), '[OK]     Removed group physics.\n')
  assert.is(await ok(admin('ru', '--force', 'carol')), '[OK]     Removed user carol.\n')
})

test('nothing is removed unasked when nobody can be asked', async ({ admin }) => {
  const { code, stderr } = await admin('remove-image', 'x')
  assert.is(code, 2)
  assert.match(stderr, /say --force/)
})

test.run()
