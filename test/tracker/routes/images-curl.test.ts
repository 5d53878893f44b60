import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { makeProxy, proxyFileText } from '../../fixtures/make-proxy.ts'
import { missingPrograms, testsThatNeed } from '../../fixtures/programs.ts'
import { Registry } from '../../fixtures/registry-site.ts'
import { testImage } from '../../fixtures/test-image.ts'
import { pushImage, TRACKER_NAME } from '../../fixtures/tracker.ts'

const test = suite<{ registry: Registry }>('curl, as Repoman’s users have it')
const run = testsThatNeed(test, missingPrograms('curl'))
const exec = promisify(execFile)

test.before(async (context) => {
  context.registry = await Registry.start({ users: ['alice', 'bob'] })
  await context.registry.group('physics', { members: ['alice', 'bob'] })
  for (const name of ['alice', 'bob']) {
    const identity = await context.registry.identity(name)
    const proxy = proxyFileText(await makeProxy(identity))
    await writeFile(join(context.registry.site.dir, `${name}.proxy`), proxy, { mode: 0o600 })
    const limited = proxyFileText(await makeProxy(identity, { limited: true }))
    await writeFile(join(context.registry.site.dir, `${name}.limited`), limited, { mode: 0o600 })
  }
})
test.after(async ({ registry }) => {
  await registry?.stop()
})

interface Answer {
  readonly status: number
  readonly location: string
  readonly body: string
}

/** `curl --cert PROXY ARGS URL`, what it printed, and the status of the answer. */
async function curl(
  registry: Registry,
  proxy: string,
  [path, ...args]: [string, ...string[]],
): Promise<Answer> {
  const { dir } = registry.site
  const { port } = new URL(registry.tracker.url)
  const tls = ['--cert', join(dir, proxy), '--cacert', join(dir, 'ca.pem')]
  const to = ['--resolve', `${TRACKER_NAME}:${port}:127.0.0.1`, `https://${TRACKER_NAME}:${port}${path}`]
  const write = ['--write-out', '\n%{http_code} %header{location}']
  const { stdout } = await exec('curl', ['--silent', '--show-error', ...tls, ...write, ...args, ...to])
  const end = stdout.lastIndexOf('\n')
  const [status, location = ''] = stdout.slice(end + 1).split(' ')
  return { status: Number(status), location, body: stdout.slice(0, end) }
}

/** Fields of a form, as curl takes them. */
function form(fields: Record<string, string>): string[] {
  return Object.entries(fields).flatMap(([name, value]) => ['--data-urlencode', `${name}=${value}`])
}

run('the life of an image: slot, bytes, list, change, share, rename, removal', async ({ registry }) => {
  const alice = (...args: [string, ...string[]]) => curl(registry, 'alice.proxy', args)
  const bob = (...args: [string, ...string[]]) => curl(registry, 'bob.proxy', args)
  const slot = { name: 'sl5.gz', description: 'Scientific Linux 5', os_variant: 'sl5', read_only: 'False' }
  const made = await alice('/api/images', ...form({ ...slot, unauthenticated_access: 'False' }))
  assert.equal([made.status, made.location], [201, '/api/images/raw/alice/__hypervisor__/sl5.gz'])
  assert.is(JSON.parse(made.body).raw_file_uploaded, false)
  assert.is((await alice('/api/images', ...form({ name: 'sl5.gz' }))).status, 409)

  const client = registry.site.client(registry.tracker.url, await registry.identity('alice'))
  await pushImage(client, testImage({ seed: 'curl', blocks: 3 }), { to: 'alice/sl5.gz' })
  const [url] = JSON.parse((await alice('/api/images')).body)
  assert.match(url, new RegExp(`^https://${TRACKER_NAME}:\\d+/api/images/alice/sl5\\.gz$`))
  const shown = JSON.parse((await alice(new URL(url).pathname)).body)
  assert.equal([shown.version, shown.raw_file_uploaded, shown.checksum.type], [1, true, 'sha256'])

  const changed = await alice('/api/images/sl5.gz', ...form({ os_arch: 'x86_64', hypervisor: 'xen,kvm' }))
  assert.equal([changed.status, changed.body], [200, ''])
  assert.is((await bob('/api/images/alice/sl5.gz')).status, 403)
  assert.is((await alice('/api/images/sl5.gz/share/group/physics', '-X', 'POST')).status, 200)
  assert.is(JSON.parse((await bob('/api/images/alice/sl5.gz')).body).hypervisor, 'xen,kvm')
  assert.match((await bob('/api/users/bob/shared')).body, '/api/images/alice/sl5.gz')
  assert.match((await alice('/api/users/alice/sharing')).body, '/api/images/alice/sl5.gz')
  assert.is((await alice('/api/images/sl5.gz/share/group/physics', '-X', 'DELETE')).status, 200)
  assert.is((await bob('/api/images/alice/sl5.gz')).status, 403)

  assert.is((await alice('/api/images/sl5.gz', ...form({ name: 'sl6.gz' }))).status, 200)
  assert.is((await alice('/api/images/sl5.gz')).status, 404)
  assert.is((await alice('/api/images/alice/sl6.gz', '-X', 'DELETE')).status, 200)
  assert.is((await alice('/api/images/sl6.gz')).status, 404)
})

run('a limited proxy looks and changes nothing', async ({ registry }) => {
  await curl(registry, 'alice.proxy', ['/api/images', ...form({ name: 'seen' })])
  const limited = (...args: [string, ...string[]]) => curl(registry, 'alice.limited', args)
  assert.is((await limited('/api/images/seen')).status, 200)
  assert.is((await limited('/api/images')).status, 200)
  for (const args of [
    ['/api/images', ...form({ name: 'made' })],
    ['/api/images/seen', ...form({ description: 'x' })],
    ['/api/images/seen', '-X', 'DELETE'],
    ['/api/images/seen/share/user/bob', '-X', 'POST'],
    ['/api/images/seen/share/user/bob', '-X', 'DELETE'],
  ] as [string, ...string[]][]) {
    const { status, body } = await limited(...args)
    assert.equal([status, JSON.parse(body).code], [403, 'E_NOT_AUTHORISED'], args.join(' '))
  }
})

test.run()
