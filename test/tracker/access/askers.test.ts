import { Socket } from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { systemClock } from '../../../src/core/clock.ts'
import { CertificateError, InternalError } from '../../../src/core/errors.ts'
import { USER_STATES } from '../../../src/core/permission.ts'
import type { Principal } from '../../../src/identity/path-validation.ts'
import type { Asker } from '../../../tracker/access/asker.ts'
import { Askers, type FirstContact } from '../../../tracker/access/askers.ts'
import type { Catalog } from '../../../tracker/catalog/catalog.ts'
import { principalOf } from '../../fixtures/askers.ts'
import { openTestCatalog } from '../../fixtures/catalog.ts'
import { failureOf } from '../../fixtures/failure.ts'
import { temporaryDir } from '../../fixtures/scratch.ts'

interface Context {
  catalog: Catalog
  remove: () => Promise<void>
  /** Who comes with this distinguished name, or with this failure of its certificate. */
  meet: (
    who: string | Error | Principal,
    init?: { onFirstContact?: FirstContact; isTracker?: boolean },
  ) => Promise<Asker>
}
const test = suite<Context>('askers')
const nowMs = 1

test.before.each(async (context) => {
  const { dir, remove } = await temporaryDir()
  const catalog = await openTestCatalog({ dir })
  context.catalog = catalog
  context.remove = async () => {
    await catalog.close()
    await remove()
  }
  context.meet = async (who, { onFirstContact = 'refuse', isTracker = false } = {}) => {
    const authenticate = () => {
      if (who instanceof Error) throw who
      return typeof who === 'string' ? principalOf(who) : who
    }
    const components = { ...catalog, authenticate, isTracker: () => isTracker, clock: systemClock }
    return await new Askers(components, { onFirstContact }).of(new Socket())
  }
})
test.after.each(({ remove }) => remove())

const reasonOf = (asker: Asker) => (asker.kind === 'anonymous' ? asker.reason : asker.kind)

test('a stranger is anonymous with a reason, and nothing is made of it', async ({ meet, catalog }) => {
  const asker = await meet('/O=Example/CN=alice')
  assert.equal([asker.kind, asker.dn], ['anonymous', '/O=Example/CN=alice'])
  assert.is(
    reasonOf(asker),
    '/O=Example/CN=alice is no user of this tracker; an admin can add it: bootswarm user add',
  )
  assert.equal(await catalog.users.names(), [])
})

test('a stranger may become an account that waits, or one that works, called like its certificate', async ({
  meet,
  catalog,
}) => {
  const pending = await meet('/O=Example/CN=Alice Smith', { onFirstContact: 'pending' })
  assert.is(
    reasonOf(pending),
    'the account Alice.Smith waits for an admin: bootswarm user activate Alice.Smith',
  )
  const active = await meet('/O=Example/CN=Bob', { onFirstContact: 'active' })
  assert.is(active.kind, 'user')
  const other = await meet('/O=Elsewhere/CN=Bob', { onFirstContact: 'active' })
  assert.is(other.kind === 'user' && other.name, 'Bob-2')
  assert.equal(await catalog.users.names(), ['Alice.Smith', 'Bob', 'Bob-2'])
  const again = await meet('/O=Example/CN=Bob')
  assert.is(again.kind === 'user' && again.name, 'Bob')
})

test('certificates of machines never become users by coming', async ({ meet, catalog }) => {
  const node = await meet('/O=Example/OU=nodes/CN=hv-1', { onFirstContact: 'active' })
  assert.match(reasonOf(node), 'is no enrolled node')
  const tracker = await meet('/O=Example/OU=trackers/CN=t', { onFirstContact: 'active' })
  assert.match(reasonOf(tracker), 'is no tracker of this name')
  assert.equal(await catalog.users.names(), [])
  assert.is((await meet('/O=Example/OU=trackers/CN=t', { isTracker: true })).kind, 'tracker')
})

test('only active accounts may ask, and each of the others hears why', async ({ meet, catalog }) => {
  const reasons: Record<string, string> = {}
  for (const state of USER_STATES) {
    await catalog.users.create({ name: state, dn: `/CN=${state}`, state, nowMs })
    reasons[state] = reasonOf(await meet(`/CN=${state}`))
  }
  assert.equal(reasons, {
    pending: 'the account pending waits for an admin: bootswarm user activate pending',
    active: 'user',
    inactive: 'the account inactive is inactive; an admin can activate it',
    suspended: 'Account suspended',
  })
})

test('a certificate that is not valid, or none, is anonymous with its reason', async ({ meet }) => {
  for (const reason of [
    'no certificate was sent',
    'the certificate has expired',
    'the certificate has been revoked',
  ]) {
    const asker = await meet(new CertificateError(reason))
    assert.equal([asker.kind, asker.dn, reasonOf(asker)], ['anonymous', undefined, reason])
  }
  const broken = new TypeError('a defect')
  assert.is(await meet(broken).catch((error: unknown) => error), broken)
  assert.is((await failureOf(meet(new InternalError('x')))).code, 'E_INTERNAL')
})

test('a user comes with what its groups allow, and a proxy says so', async ({ meet, catalog }) => {
  await catalog.users.create({ name: 'alice', dn: '/CN=alice', state: 'active', nowMs }, ['admins'])
  const proxy = { ...principalOf('/CN=alice'), proxyDepth: 2, limited: true }
  const asker = await meet(proxy)
  assert.ok(asker.kind === 'user')
  assert.equal([asker.name, asker.admin, [...asker.groups].sort()], ['alice', true, ['admins', 'users']])
  assert.equal([asker.permissions.size, asker.principal.proxyDepth, asker.principal.limited], [14, 2, true])
})

test.run()
