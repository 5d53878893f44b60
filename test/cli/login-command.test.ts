import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Tracker } from '../../tracker/tracker.ts'
import { runHere } from '../fixtures/cli.ts'
import { temporaryDir } from '../fixtures/scratch.ts'
import { TRACKER_NAME, TrackerSite } from '../fixtures/tracker.ts'

interface Context {
  site: TrackerSite
  tracker: Tracker
  /** A user's home with certificate and key, and environment that leads to them. */
  home: string
  env: Record<string, string>
  remove: () => Promise<void>
}
const test = suite<Context>('login')

test.before.each(async (context) => {
  context.site = await TrackerSite.create()
  context.tracker = await context.site.start()
  const { dir, remove } = await temporaryDir()
  const { certificatePem, keyPem } = await context.site.user('alice')
  writeFileSync(join(dir, 'usercert.pem'), certificatePem)
  writeFileSync(join(dir, 'userkey.pem'), keyPem, { mode: 0o600 })
  Object.assign(context, { home: dir, remove })
  context.env = {
    HOME: dir,
    XDG_CONFIG_HOME: dir,
    X509_USER_CERT: join(dir, 'usercert.pem'),
    X509_USER_KEY: join(dir, 'userkey.pem'),
  }
})
test.after.each(async ({ tracker, site, remove }) => {
  await tracker.stop()
  await site.remove()
  await remove()
})

const trust = (site: TrackerSite) => ['--ca', join(site.dir, 'ca.pem'), '--tracker-name', TRACKER_NAME]

test('finds the certificate, tries it, and keeps a context without it', async ({
  site,
  tracker,
  env,
  home,
}) => {
  const { code, stderr } = await runHere(['login', tracker.url, '--name', 'site', ...trust(site)], env)
  assert.is(code, 0, stderr)
  assert.match(stderr, /knows you as \S*CN=alice, by \S+usercert\.pem \(from X509_USER_CERT\)/)
  const kept = readFileSync(join(home, 'bootswarm/config.yaml'), 'utf8')
  assert.match(kept, /current: site/)
  assert.not.match(kept, /usercert/)
  const who = await runHere(['whoami', '-o', 'json'], env)
  assert.is(who.code, 0, who.stderr)
  assert.match(who.stdout, /CN=alice/)
})

test('keeps files that were named by flags', async ({ site, tracker, env, home }) => {
  const files = ['--certificate', env['X509_USER_CERT'] ?? '', '--key', env['X509_USER_KEY'] ?? '']
  const { HOME = '', XDG_CONFIG_HOME = '' } = env
  const bare = { HOME, XDG_CONFIG_HOME }
  const { code, stderr } = await runHere(['login', tracker.url, ...files, ...trust(site)], bare)
  assert.is(code, 0, stderr)
  assert.match(readFileSync(join(home, 'bootswarm/config.yaml'), 'utf8'), /certificate: .*usercert\.pem/)
  assert.is((await runHere(['whoami'], bare)).code, 0)
})

test('refuses a key that others can read, with what to type', async ({ site, tracker, env, home }) => {
  chmodSync(join(home, 'userkey.pem'), 0o644)
  const { code, stderr } = await runHere(['login', tracker.url, ...trust(site)], env)
  assert.is(code, 4)
  assert.match(stderr, /open to its group or to others \(mode 0644\); type: chmod 600 \S*userkey\.pem/)
})

test('keeps nothing when the tracker does not know who asks or is not there', async ({
  site,
  tracker,
  env,
  home,
}) => {
  const { url } = tracker
  await tracker.stop()
  const { code } = await runHere(['login', url, ...trust(site)], env)
  assert.is(code, 7)
  assert.throws(() => readFileSync(join(home, 'bootswarm/config.yaml')), /ENOENT/)
})

test('says what is missing where there is no certificate', async ({ site, tracker, home }) => {
  const proxyless = { HOME: home, XDG_CONFIG_HOME: home, X509_USER_PROXY: join(home, 'none') }
  const { code, stderr } = await runHere(['login', tracker.url, ...trust(site)], proxyless)
  assert.is(code, 4)
  assert.match(stderr, /X509_USER_PROXY names \S*none, which does not exist/)
})

test.run()
