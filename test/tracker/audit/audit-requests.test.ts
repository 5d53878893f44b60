import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { AuditAnswer } from '../../../src/api/audit-schemas.ts'
import { AuditChain, type AuditLine } from '../../../src/core/audit-line.ts'
import type { Identity } from '../../../src/identity/identity-files.ts'
import type { Tracker } from '../../../tracker/tracker.ts'
import { type Answer, HttpsCaller } from '../../fixtures/https-caller.ts'
import { imageKey } from '../../fixtures/image-key.ts'
import { testImage } from '../../fixtures/test-image.ts'
import { pushImage, TrackerSite } from '../../fixtures/tracker.ts'

type Name = 'alice' | 'bob' | 'admin' | 'nobody'
interface Context {
  site: TrackerSite
  tracker: Tracker
  identities: Map<string, Identity>
  callers: Record<Name, HttpsCaller>
}
const test = suite<Context>('audit of requests')

test.before(async (context) => {
  context.site = await TrackerSite.create()
  context.tracker = await context.site.start()
  const { site, tracker } = context
  context.identities = new Map()
  const callers: Partial<Record<Name, HttpsCaller>> = {}
  for (const name of ['alice', 'bob', 'admin', 'nobody'] as const) {
    const identity = name === 'nobody' ? undefined : await site.user(name)
    if (identity !== undefined) context.identities.set(name, identity)
    callers[name] = new HttpsCaller({ url: tracker.url, site, identity })
  }
  context.callers = callers as Record<Name, HttpsCaller>
})
test.after(async ({ site, tracker, callers }) => {
  for (const caller of Object.values(callers)) caller.close()
  await tracker?.stop()
  await site?.remove()
})

const json = <T>({ body }: Answer): T => JSON.parse(body.toString()) as T

async function lines({ callers }: Context, query = ''): Promise<readonly AuditLine[]> {
  const answer = await callers.admin.call({ method: 'GET', path: `/api/audit${query}` })
  assert.is(answer.status, 200, answer.body.toString())
  return json<AuditAnswer>(answer).lines
}

test('every change is a line that says who did what to what', async (context) => {
  const { site, tracker, identities } = context
  const alice = site.client(tracker.url, identities.get('alice') as Identity)
  await pushImage(alice, testImage({ seed: 'a', blocks: 3 }), { to: 'alice/debian' })
  await alice.setTag({ ...imageKey('alice/debian'), tag: 'stable' as never, version: 1 })
  const found = await lines(context, '?asker=alice')
  const actions = found.map(({ action }) => action)
  assert.equal(actions, ['tag.put', 'commit.post', 'imageUploads.post'])
  const [line] = found
  assert.ok(line)
  assert.equal(line.target, { namespace: 'alice', name: 'debian', tag: 'stable', version: '1' })
  const { dn, asker, kind, proxyDepth, limited, method, route, status, result, remote } = line
  assert.equal(
    { dn, asker, kind, proxyDepth, limited, method, route, status, result, remote },
    {
      ...{ dn: '/O=Example/OU=users/CN=alice', asker: 'alice', kind: 'user', proxyDepth: 0, limited: false },
      ...{ method: 'PUT', route: '/api/images/:namespace/:name/tags/:tag', status: 204, result: 'done' },
      remote: '127.0.0.1',
    },
  )
  const commit = found[1]
  assert.is(commit?.target?.['upload'], undefined, 'the name of an upload is for who opened it')
})

test('every refusal is a line, of reads and of changes', async (context) => {
  const { callers } = context
  const calls: [Name, string, string][] = [
    ['bob', 'DELETE', '/api/images/alice/debian'],
    ['bob', 'GET', '/api/images/alice/debian/history'],
    ['nobody', 'GET', '/api/images/raw/alice/debian'],
    ['bob', 'GET', '/api/audit'],
    ['alice', 'DELETE', '/api/images/alice/missing'],
  ]
  for (const [name, method, path] of calls) await callers[name].call({ method, path })
  const found = await lines(context, '?result=refused')
  assert.equal(
    found.map(({ action, status, code, asker }) => [action, status, code, asker]),
    [
      ['image.delete', 404, 'E_NOT_FOUND', 'alice'],
      ['audit.get', 403, 'E_NOT_AUTHORISED', 'bob'],
      ['raw.get', 403, 'E_CERTIFICATE', null],
      ['history.get', 403, 'E_NOT_AUTHORISED', 'bob'],
      ['image.delete', 403, 'E_NOT_AUTHORISED', 'bob'],
    ],
  )
  assert.match(found[1]?.detail ?? '', /bob is no admin/)
  assert.is(found[2]?.kind, 'anonymous')
})

test('reads and what nodes ask all the time are no lines', async (context) => {
  const { callers } = context
  const before = (await lines(context)).length
  await callers.alice.call({ method: 'GET', path: '/api/images' })
  await callers.alice.call({ method: 'GET', path: '/api/images/alice/missing' })
  await callers.alice.call({ method: 'GET', path: '/nothing' })
  assert.is((await lines(context)).length, before)
})

test('a change that is malformed or unknown is a line too', async (context) => {
  const { callers } = context
  await callers.alice.call({ method: 'POST', path: '/api/images', body: '{"name":"' })
  await callers.alice.call({ method: 'POST', path: '/nothing', body: '{}' })
  const [unknown, malformed] = await lines(context, '?limit=2')
  assert.equal([malformed?.action, malformed?.status], ['images.post', 400])
  assert.equal([unknown?.action, unknown?.status], ['unknown.post', 404])
})

test('filters and pages', async (context) => {
  assert.ok((await lines(context, '?action=tag')).every(({ action }) => action.startsWith('tag')))
  assert.equal(await lines(context, '?until=2020-01-01'), [])
  assert.ok((await lines(context, '?since=2020-01-01')).length > 0)
  const { callers } = context
  const first = json<AuditAnswer>(await callers.admin.call({ method: 'GET', path: '/api/audit?limit=2' }))
  const path = `/api/audit?limit=2&before=${first.next}`
  const second = json<AuditAnswer>(await callers.admin.call({ method: 'GET', path }))
  assert.is(second.lines[0]?.seq, (first.lines[1]?.seq ?? 0) - 1)
  for (const query of ['?since=tomorrow', '?limit=0', '?limit=100000', '?colour=red', '?result=maybe'])
    assert.is((await callers.admin.call({ method: 'GET', path: `/api/audit${query}` })).status, 400, query)
})

test('is a chain from the start of the tracker to its end', async (context) => {
  await context.tracker.stop()
  const text = await readFile(join(context.site.dir, 'data/audit/audit.jsonl'), 'utf8')
  const chain = new AuditChain()
  const all = text.trimEnd().split('\n')
  for (const line of all) assert.is(chain.next(line), undefined, line)
  const actions = all.map((line) => (JSON.parse(line) as AuditLine).action)
  assert.equal([actions[0], actions.at(-1)], ['tracker.started', 'tracker.stopped'])
})

test.run()
