import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  type AclEntry,
  covers,
  parseAcl,
  RIGHTS,
  SUBJECT_KINDS,
  sortEntries,
  strongest,
} from '../../src/core/acl.ts'
import { InvalidError } from '../../src/core/errors.ts'
import { ACL_ENTRIES_MAX } from '../../src/core/registry-limits.ts'

const test = suite('ACLs')
const ACL = {
  ...{ namespace: 'site', name: 'debian', target: 'image:0b0e2f0e-0000-4000-8000-000000000001', version: 2 },
  ...{ previous: 'ab'.repeat(32), owner: { kind: 'user', subject: 'alice' } },
  entries: [
    { kind: 'anyone', subject: '', right: 'read' },
    { kind: 'group', subject: 'nodes', right: 'read' },
    { kind: 'user', subject: 'bob', right: 'write' },
  ],
  ...{ ended: false, repaired: false, author: '/O=Example/CN=alice', iat: 1_900_000_000 },
}

const name = fc.stringMatching(/^[a-zA-Z0-9_-][a-zA-Z0-9_.-]{0,20}$/)
const anyEntry: fc.Arbitrary<AclEntry> = fc.oneof(
  fc.record({
    kind: fc.constantFrom(...SUBJECT_KINDS.filter((kind) => kind !== 'anyone')),
    subject: name,
    right: fc.constantFrom(...RIGHTS),
  }),
  fc.record({
    kind: fc.constant('anyone' as const),
    subject: fc.constant(''),
    right: fc.constantFrom(...RIGHTS),
  }),
)
const entries = fc.uniqueArray(anyEntry, {
  selector: ({ kind, subject }) => `${kind} ${subject}`,
  maxLength: 30,
})
const anyAcl = fc
  .record({
    namespace: name,
    image: fc.option(fc.record({ name, uuid: fc.uuid() })),
    version: fc.integer({ min: 1, max: 2 ** 40 }),
    previous: fc.option(fc.stringMatching(/^[0-9a-f]{64}$/)),
    owner: fc.record({ kind: fc.constantFrom('user', 'group'), subject: name }),
    entries,
    flags: fc.record({ ended: fc.boolean(), repaired: fc.boolean() }),
    author: fc.string({ minLength: 1 }),
    iat: fc.nat(),
  })
  .map(({ image, namespace, flags, entries, ...rest }) => {
    const target = image === null ? `namespace:${namespace}` : `image:${image.uuid}`
    return { namespace, name: image?.name ?? null, target, entries: sortEntries(entries), ...flags, ...rest }
  })

test('rights include those before them', () => {
  assert.is(covers('write', 'read'), true)
  assert.is(covers('read', 'write'), false)
  assert.is(covers(undefined, 'read'), false)
  assert.is(strongest('read', 'admin'), 'admin')
  assert.is(strongest(undefined, 'read'), 'read')
  assert.is(strongest(undefined, undefined), undefined)
})

test('reads what was written, and nothing more', () => {
  fc.assert(
    fc.property(anyAcl, (acl) => {
      const claims = JSON.parse(JSON.stringify(acl))
      assert.equal(parseAcl({ ...claims, more: 1 }), claims)
    }),
  )
})

test('any object is an ACL or an InvalidError', () => {
  const value = fc.oneof(fc.jsonValue(), fc.constantFrom(...Object.values(ACL)))
  const claims = fc.dictionary(fc.constantFrom(...Object.keys(ACL)), value)
  fc.assert(
    fc.property(claims, (change) => {
      try {
        parseAcl({ ...ACL, ...change })
      } catch (error) {
        assert.instance(error, InvalidError)
      }
    }),
  )
})

test('refuses what is out of order, twice, too much or of something else', () => {
  const wrong: Record<string, unknown>[] = [
    { entries: ACL.entries.toReversed() },
    { entries: [ACL.entries[1], { ...ACL.entries[1], right: 'admin' }] },
    {
      entries: Array.from({ length: ACL_ENTRIES_MAX + 1 }, (_, i) => ({
        kind: 'user',
        subject: `u${1e6 + i}`,
        right: 'read',
      })),
    },
    { entries: [{ kind: 'anyone', subject: 'bob', right: 'read' }] },
    { entries: [{ kind: 'user', subject: '', right: 'read' }] },
    { entries: [{ kind: 'user', subject: 'bob', right: 'own' }] },
    { entries: [null] },
    { target: 'namespace:site' },
    { target: 'image:../etc' },
    { name: null },
    { name: null, target: 'namespace:other' },
    { version: 0 },
    { version: 1.5 },
    { previous: 'AB'.repeat(32) },
    { previous: undefined },
    { owner: { kind: 'anyone', subject: '' } },
    { ended: 'no' },
    { repaired: undefined },
    { iat: -1 },
    { author: 7 },
    { namespace: '..' },
  ]
  for (const change of wrong)
    assert.throws(
      () => parseAcl({ ...ACL, ...change }),
      (error: unknown) => error instanceof InvalidError,
      JSON.stringify(change).slice(0, 100),
    )
  assert.is(parseAcl({ ...ACL, name: null, target: 'namespace:site' }).name, null)
})

test('entries have one order everywhere', () => {
  fc.assert(
    fc.property(entries, (list) => {
      assert.equal(sortEntries(list.toReversed()), sortEntries(list))
    }),
  )
})

test.run()
