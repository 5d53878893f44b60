import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { HistoryEntryView } from '../../../src/api/accounting-schemas.ts'
import type { AclView, RecordsView } from '../../../src/api/acl-schemas.ts'
import { fillPath, TRACKER_PATHS } from '../../../src/api/tracker-paths.ts'
import { ACL_TYPE, parseAcl } from '../../../src/core/acl.ts'
import { payloadDigest } from '../../../src/core/chain.ts'
import { parseRecord, RECORD_TYPE } from '../../../src/core/record.ts'
import { verifyJws } from '../../../src/identity/jws.ts'
import { AccountSite, outcome } from '../../fixtures/account-site.ts'
import { HttpsCaller } from '../../fixtures/https-caller.ts'
import { testImage } from '../../fixtures/test-image.ts'
import { pushImage, TRACKER_NAME } from '../../fixtures/tracker.ts'

const test = suite<{ site: AccountSite }>('ACL routes')
const image = { namespace: 'alice', name: 'debian' }
const ofImage = fillPath(TRACKER_PATHS.imageAcl, image)
const ofNamespace = fillPath(TRACKER_PATHS.namespaceAcl, { namespace: 'alice' })
const records = fillPath(TRACKER_PATHS.records, image)

test.before(async (context) => {
  context.site = await AccountSite.start()
  const { site, tracker } = context.site
  await context.site.meet('admin', 'alice', 'bob', 'carol')
  await context.site.group('physics', { users: ['carol'] })
  const client = site.client(tracker.url, await site.user('alice'))
  for (const seed of ['one', 'two'])
    await pushImage(client, testImage({ seed, blocks: 5 }), { to: 'alice/debian' })
})
test.after(async ({ site }) => await site?.stop())

async function claims(site: AccountSite, token: string, typ: string): Promise<Record<string, unknown>> {
  const { trust } = site.site.site
  return (await verifyJws(token, { trust, typ, nowMs: Date.now(), host: TRACKER_NAME })).claims
}

const subjects = ({ entries }: AclView) =>
  entries.map(({ kind, subject, right }) => `${kind} ${subject} ${right}`)

test('an owner gives rights and takes them away, and each version is signed', async ({ site }) => {
  const first = await site.data<AclView>('alice', `GET ${ofImage}`)
  assert.equal([first.version, first.owner.subject, first.entries, first.next], [1, 'alice', [], null])
  await site.data('alice', `POST ${ofImage}`, { kind: 'user', subject: 'bob', right: 'read' })
  const raised = await site.data<AclView>('alice', `POST ${ofImage}`, {
    kind: 'user',
    subject: 'bob',
    right: 'write',
  })
  assert.equal(subjects(raised), ['user bob write'])
  const set = await site.data<AclView>('alice', `PUT ${ofImage}`, {
    entries: [
      { kind: 'group', subject: 'nodes', right: 'read' },
      { kind: 'anyone', right: 'read' },
    ],
  })
  assert.equal(subjects(set), ['anyone  read', 'group nodes read'])
  const gone = await site.data<AclView>('alice', `POST ${ofImage}`, { kind: 'anyone', right: 'none' })
  const { statements, next } = await site.data<AclView>('alice', `GET ${ofImage}?after=0`)
  assert.equal([statements.length, next, gone.version], [5, null, 5])
  const acls = await Promise.all(
    statements.map(async (token) => parseAcl(await claims(site, token, ACL_TYPE))),
  )
  const digests = statements.map(payloadDigest)
  assert.equal(
    acls.map(({ previous }) => previous),
    [null, ...digests.slice(0, -1)],
  )
  assert.is(acls.at(-1)?.author, '/O=Example/OU=users/CN=alice')
  assert.equal((await site.data<AclView>('alice', `GET ${ofImage}?after=3`)).statements, statements.slice(3))
})

test('a namespace has one, too', async ({ site }) => {
  const before = await site.data<AclView>('alice', `GET ${ofNamespace}`)
  assert.equal(subjects(before), ['group nodes read'])
  await site.data('alice', `POST ${ofNamespace}`, { kind: 'user', subject: 'bob', right: 'admin' })
  await site.data('bob', `POST ${ofNamespace}`, { kind: 'user', subject: 'bob', right: 'none' })
  assert.is(outcome(await site.as('bob', `GET ${ofNamespace}`)), '403 E_NOT_AUTHORISED')
  const none = fillPath(TRACKER_PATHS.namespaceAcl, { namespace: 'nobody' })
  assert.is(outcome(await site.as('admin', `GET ${none}`)), '404 E_NOT_FOUND')
})

test('a change for a version that has passed is a conflict', async ({ site }) => {
  const { site: files, tracker } = site
  const caller = new HttpsCaller({ url: tracker.url, site: files, identity: await files.user('alice') })
  const { headers } = await caller.call({ method: 'GET', path: ofNamespace })
  assert.match(String(headers['etag']), /^"\d+"$/)
  const grant = async (match: string) => {
    const body = JSON.stringify({ kind: 'user', subject: 'carol', right: 'read' })
    return outcome(
      await caller.call({ method: 'POST', path: ofNamespace, body, headers: { 'if-match': match } }),
    )
  }
  assert.is(await grant(String(headers['etag'])), '200')
  assert.is(await grant(String(headers['etag'])), '409 E_CONFLICT')
  assert.is(await grant('*'), '200')
  assert.is(await grant('W/"x"'), '400 E_INVALID')
  caller.close()
})

test('only who has the right sees and changes it', async ({ site }) => {
  await site.data('alice', `PUT ${ofImage}`, { entries: [{ kind: 'user', subject: 'bob', right: 'read' }] })
  const entry = { kind: 'user', subject: 'carol', right: 'read' }
  for (const [who, request, expected] of [
    ['bob', `GET ${ofImage}`, '403 E_NOT_AUTHORISED'],
    ['bob', `POST ${ofImage}`, '403 E_NOT_AUTHORISED'],
    ['nobody', `GET ${ofImage}`, '403 E_CERTIFICATE'],
    ['admin', `POST ${ofImage}`, '200'],
  ] as const)
    assert.is(
      outcome(await site.as(who, request, request.startsWith('POST') ? entry : undefined)),
      expected,
      `${who} ${request}`,
    )
})

test('entries name who exists, and groups that one is in', async ({ site }) => {
  const grant = async (who: string, body: object) =>
    outcome(await site.as(who, `POST ${ofImage}`, { right: 'read', ...body }))
  for (const [body, expected] of [
    [{ kind: 'user', subject: 'none' }, '400 E_INVALID'],
    [{ kind: 'group', subject: 'none' }, '400 E_INVALID'],
    [{ kind: 'node', subject: 'none' }, '400 E_INVALID'],
    [{ kind: 'user' }, '400 E_INVALID'],
    [{ kind: 'anyone', subject: 'bob' }, '400 E_INVALID'],
    [{ kind: 'martian', subject: 'bob' }, '400 E_INVALID'],
    [{ kind: 'user', subject: 'bob', right: 'everything' }, '400 E_INVALID'],
    [{ kind: 'user', subject: 'bob', more: 1 }, '400 E_INVALID'],
    [{ kind: 'group', subject: 'physics' }, '403 E_NOT_AUTHORISED'],
    [{ kind: 'group', subject: 'users' }, '200'],
  ] as const)
    assert.is(await grant('alice', body), expected, JSON.stringify(body))
  assert.is(await grant('admin', { kind: 'group', subject: 'physics' }), '200')
  const twice = {
    entries: [
      { kind: 'user', subject: 'bob', right: 'read' },
      { kind: 'user', subject: 'bob', right: 'write' },
    ],
  }
  assert.is(outcome(await site.as('alice', `PUT ${ofImage}`, twice)), '400 E_INVALID')
})

test('whom an image is shared with is in its history', async ({ site }) => {
  await site.data('alice', `PUT ${ofImage}`, { entries: [] })
  await site.data('alice', `POST ${ofImage}`, { kind: 'user', subject: 'carol', right: 'read' })
  await site.data('alice', `POST ${ofImage}`, { kind: 'user', subject: 'carol', right: 'none' })
  const path = fillPath(TRACKER_PATHS.history, image)
  const { entries } = await site.data<{ entries: HistoryEntryView[] }>('alice', `GET ${path}`)
  assert.equal(
    entries.slice(-2).map(({ action, details }) => [action, details]),
    [
      ['shared', { kind: 'user', subject: 'carol', right: 'read' }],
      ['unshared', { kind: 'user', subject: 'carol' }],
    ],
  )
})

test('the records of an image are for who may read it', async ({ site }) => {
  await site.data('alice', `PUT ${ofImage}`, { entries: [{ kind: 'user', subject: 'bob', right: 'read' }] })
  const { image: uuid, statements, next } = await site.data<RecordsView>('bob', `GET ${records}`)
  const told = await Promise.all(
    statements.map(async (token) => parseRecord(await claims(site, token, RECORD_TYPE))),
  )
  assert.equal(
    told.map((record) => [record.image, record.version, record.serial]),
    [
      [uuid, 1, 1],
      [uuid, 2, 2],
    ],
  )
  assert.is(next, null)
  assert.equal(
    (await site.data<RecordsView>('bob', `GET ${records}?after=1`)).statements,
    statements.slice(1),
  )
  assert.is(outcome(await site.as('dave', `GET ${records}`)), '403 E_NOT_AUTHORISED')
})

test.run()
