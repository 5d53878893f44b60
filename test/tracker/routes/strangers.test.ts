import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { AccountSite, outcome } from '../../fixtures/account-site.ts'

const test = suite<{ site: AccountSite }>('strangers')

test.before(async (context) => {
  context.site = await AccountSite.start()
  await context.site.meet('admin', 'alice')
  await context.site.data('alice', 'POST /api/images', { name: 'private' })
})
test.after(({ site }) => site?.stop())

const VALUES: Readonly<Record<string, string>> = {
  version: '1',
  upload: 'u'.repeat(20),
  permission: 'image_create',
}

/** Every operation of the OpenAPI document, with names in the place of parameters. */
async function operations(site: AccountSite, names: Readonly<Record<string, string>>): Promise<string[]> {
  const { paths } = await site.data<{ paths: Record<string, Record<string, unknown>> }>(
    'admin',
    'GET /openapi.json',
  )
  return Object.entries(paths).flatMap(([path, methods]) => {
    const filled = path.replace(/\{([a-z]+)\}/g, (_, name: string) => names[name] ?? VALUES[name] ?? 'x')
    return Object.keys(methods).map((method) => `${method.toUpperCase()} ${filled}`)
  })
}

test('without a certificate there is nothing to learn from any route', async ({ site }) => {
  const there = await operations(site, {
    namespace: 'alice',
    name: 'private',
    user: 'alice',
    image: 'private',
  })
  const nowhere = await operations(site, {
    namespace: 'alice',
    name: 'nothing',
    user: 'nobody',
    image: 'nothing',
  })
  assert.ok(there.length > 60)
  for (const request of [...there, ...nowhere]) {
    if (/^GET \/(livez|readyz)$/.test(request)) continue
    // What is to be enrolled is looked at first: its certificate is all that counts.
    const refused = request.startsWith('HEAD') ? '403' : '403 E_CERTIFICATE'
    const expected = request === 'POST /api/nodes' ? '400 E_INVALID' : refused
    assert.is(`${request}: ${outcome(await site.as('nobody', request))}`, `${request}: ${expected}`)
  }
})

test('nor from a body that is none', async ({ site }) => {
  for (const path of ['/api/users', '/api/images/alice/private/acl', '/api/uploads/x/commit'])
    assert.is(outcome(await site.form('nobody', `POST ${path}`, 'what=this')), '403 E_CERTIFICATE')
})

test('a namespace is not called like a hypervisor, which would stand in the place of others', async ({
  site,
}) => {
  for (const namespace of ['xen', 'kvm', 'raw', '__hypervisor__'])
    assert.is(outcome(await site.as('admin', 'POST /api/namespaces', { namespace })), '400 E_INVALID')
  assert.is(outcome(await site.as('alice', 'POST /api/images/kvm/web/uploads', {})), '400 E_INVALID')
})

test('numbers that no number is are refused', async ({ site }) => {
  for (const body of [{ quota_bytes: 1e300 }, { quota_images: 2 ** 53 }])
    assert.is(outcome(await site.as('admin', 'POST /api/users/alice', body)), '400 E_INVALID')
})

test.run()
