import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { HttplibCaller } from '../fixtures/httplib-caller.ts'
import { noise } from '../fixtures/noise.ts'
import { missingPrograms, testsThatNeed } from '../fixtures/programs.ts'
import { ADMIN_DN, TrackerSite } from '../fixtures/tracker.ts'
import { TrackerProcess } from '../fixtures/tracker-process.ts'

/** What a user of Repoman does in a day, with the clients of then: httplib, curl and wget, and a proxy of grid-proxy-init. */

interface Context {
  site: TrackerSite
  tracker: TrackerProcess
  /** Proxy files of two people. */
  admin: string
  bob: string
  callers: HttplibCaller[]
}
const test = suite<Context>("a session of Repoman's client")

const reason = missingPrograms('python3', 'grid-proxy-init', 'curl', 'wget')

/** A proxy as people make it in the morning. */
async function proxyOf(site: TrackerSite, commonName: string): Promise<string> {
  const { certificatePem, keyPem } = await site.user(commonName)
  const at = (end: string) => join(site.dir, `${commonName}${end}`)
  writeFileSync(at('.pem'), certificatePem)
  writeFileSync(at('.key'), keyPem, { mode: 0o600 })
  const files = ['-cert', at('.pem'), '-key', at('.key'), '-certdir', site.dir, '-out', at('.proxy')]
  execFileSync('grid-proxy-init', ['-q', '-rfc', '-bits', '2048', ...files], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  return at('.proxy')
}

const sh = (program: string, ...args: string[]) =>
  execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })

test.before(async (context) => {
  if (reason !== undefined) return
  context.site = await TrackerSite.create()
  context.tracker = await TrackerProcess.start(context.site, 'http: { listen: 127.0.0.1:0 }\n')
  context.admin = await proxyOf(context.site, 'admin')
  context.bob = await proxyOf(context.site, 'bob')
  context.callers = [context.admin, context.bob].map(
    (proxy) => new HttplibCaller({ url: context.tracker.url, proxy }),
  )
})
test.after(async ({ site, tracker, callers }) => {
  if (reason !== undefined) return
  for (const caller of callers ?? []) await caller.close()
  await tracker?.end('SIGTERM')
  await site.remove()
})

const run = testsThatNeed(test, reason)

/** The JSON of an answer that such a client takes for one: 200 or 201, and a type that has json in it. */
function read(answer: { status: number; type: string | null; body: string }) {
  assert.ok([200, 201].includes(answer.status), `${answer.status}: ${answer.body}`)
  assert.match(answer.type ?? '', /json/)
  return JSON.parse(answer.body)
}

run('create, put, list, share, get, rename, remove', async (context) => {
  const { site, tracker, admin, bob } = context
  const [mine, theirs] = context.callers as [HttplibCaller, HttplibCaller]
  const me = read(await mine.call('GET', '/api/whoami'))
  assert.is(me.client_dn, ADMIN_DN)
  assert.ok(Array.isArray(me.groups) && Array.isArray(me.images))
  const user = me.user_name as string
  const other = read(await theirs.call('GET', '/api/whoami')).user_name as string

  const form = {
    name: 'sl5',
    hypervisor: 'xen',
    description: 'worker node',
    os_arch: 'x86_64',
    unauthenticated_access: 'False',
  }
  const slot = await mine.call('POST', '/api/images', form)
  assert.is(slot.status, 201)
  assert.ok(slot.reused)
  const made = read(slot)
  assert.equal(
    [made.name, made.hypervisor, made.owner_user_name, made.raw_file_uploaded],
    ['sl5', 'xen', user, false],
  )
  assert.is((await mine.call('POST', '/api/images', form)).status, 409)

  const disk = join(site.dir, 'disk.img')
  writeFileSync(disk, noise('sl5', 3_000_001))
  const raw = (path: string) => `${tracker.url}/api/images/raw/${path}`
  const put = sh('curl', '-sS', '--cert', admin, '--insecure', '-w', '%{http_code}', '-T', disk, raw('sl5'))
  assert.is(put, '200')

  const [url] = read(await mine.call('GET', '/api/whoami')).images as string[]
  assert.match(url ?? '', new RegExp(`/api/images/${user}/sl5$`))
  const image = read(await mine.call('GET', `/api/images/${user}/sl5`))
  assert.equal([image.size, image.raw_file_uploaded, image.version], [3_000_001, true, 1])
  assert.match(image.modified, /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} [ 0-9]\d \d\d:\d\d:\d\d \d{4}$/)

  assert.is((await theirs.call('GET', `/api/images/${user}/sl5`)).status, 403)
  const share = await mine.call('POST', `/api/images/sl5/share/user/${other}`)
  assert.equal([share.status, share.length, share.body], [200, '0', ''])
  assert.ok((await mine.call('POST', `/api/images/sl5/share/user/${other}`)).reused)
  const shared = read(await theirs.call('GET', `/api/users/${other}/shared`)) as string[]
  assert.equal(
    shared.map((one) => one.split('/').slice(-2).join('/')),
    [`${user}/sl5`],
  )
  assert.equal(read(await mine.call('GET', '/api/images/sl5')).shared_with.users.length, 1)

  const got = join(site.dir, 'got.img')
  sh('curl', '-sS', '--fail', '--cert', bob, '--insecure', '-o', got, raw(`${user}/sl5`))
  assert.ok(readFileSync(got).equals(readFileSync(disk)))
  const files = ['--certificate', bob, '--private-key', bob, '--no-check-certificate']
  sh('wget', '-q', ...files, '-O', got, raw(`${user}/__hypervisor__/sl5`))
  assert.ok(readFileSync(got).equals(readFileSync(disk)))
  sh('curl', '-sS', '--fail', '--cert', bob, '--insecure', '-o', got, raw(`${user}/xen/sl5`))

  const modify = await mine.call('POST', '/api/images/sl5', {
    name: 'sl5.10',
    unauthenticated_access: 'True',
  })
  assert.equal([modify.status, modify.body], [200, ''])
  assert.is((await mine.call('GET', '/api/images/sl5')).status, 404)
  const renamed = read(await mine.call('GET', '/api/images/sl5.10'))
  assert.match(renamed.http_file_url, new RegExp(`^http://.*/raw/${user}/__hypervisor__/sl5\\.10$`))
  // The name in the tracker's certificate, which no name server knows here.
  const open = new URL(renamed.http_file_url.replace('__hypervisor__', 'xen'))
  open.hostname = '127.0.0.1'
  sh('wget', '-q', '-O', got, open.href)
  assert.ok(readFileSync(got).equals(readFileSync(disk)))

  assert.is((await mine.call('DELETE', `/api/images/sl5.10/share/user/${other}`)).status, 200)
  assert.equal(read(await theirs.call('GET', `/api/users/${other}/shared`)), [])
  assert.is((await theirs.call('DELETE', `/api/images/${user}/sl5.10`)).status, 403)
  assert.is((await mine.call('DELETE', '/api/images/sl5.10')).status, 200)
  assert.is((await mine.call('GET', '/api/images/sl5.10')).status, 404)
})

run('administers users and groups', async ({ callers }) => {
  const [mine, theirs] = callers as [HttplibCaller, HttplibCaller]
  const dn = '/C=CA/O=Grid/OU=phys.UVic.CA/CN=Carol Two'
  const carol = { user_name: 'carol', cert_dn: dn, email: 'carol@example.org', full_name: 'Carol Two' }
  assert.is(read(await mine.call('POST', '/api/users', carol)).user_name, 'carol')
  assert.is((await mine.call('POST', '/api/users', { ...carol, user_name: 'carol2' })).status, 409)
  assert.is((await theirs.call('POST', '/api/users', { ...carol, user_name: 'x' })).status, 403)
  assert.is(read(await mine.call('POST', '/api/groups', { name: 'physics' })).name, 'physics')
  assert.is((await mine.call('POST', '/api/groups/physics/users/carol')).status, 200)
  assert.is((await mine.call('POST', '/api/groups/physics/permissions/image_modify_group')).status, 200)
  const group = read(await mine.call('GET', '/api/groups/physics'))
  assert.equal(group.permissions, ['image_modify_group'])
  assert.equal(
    group.users.map((url: string) => url.split('/').at(-1)),
    ['carol'],
  )
  assert.equal((await mine.call('POST', '/api/users/carol', { full_name: 'Carol' })).body, '')
  assert.is(read(await mine.call('GET', '/api/users/carol')).full_name, 'Carol')
  assert.is((await mine.call('DELETE', '/api/groups/users')).status, 403)
  assert.is((await mine.call('DELETE', '/api/groups/physics')).status, 200)
  assert.is((await mine.call('DELETE', '/api/users/carol')).status, 200)
  assert.is((await mine.call('GET', '/api/users/carol')).status, 404)
})

test.run()
