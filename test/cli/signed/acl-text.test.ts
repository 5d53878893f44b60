import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  changesOf,
  formatEntry,
  formatPlace,
  parseEntry,
  parsePlace,
  parseSubject,
} from '../../../src/cli/signed/acl-text.ts'
import { type Acl, parseAcl, RIGHTS } from '../../../src/core/acl.ts'
import { BootswarmError } from '../../../src/core/errors.ts'

const test = suite('ACLs as text')

test('a place is a namespace or an image', () => {
  for (const text of ['site', 'site/debian']) assert.is(formatPlace(parsePlace(text)), text)
  for (const text of ['', '/', 'a/', 'a/b/c', '../x', 'a b'])
    assert.throws(
      () => parsePlace(text),
      (error: unknown) => error instanceof BootswarmError,
      text,
    )
})

test('an entry is read as it is written', () => {
  const name = fc.stringMatching(/^[a-zA-Z0-9_-][a-zA-Z0-9_.-]{0,20}$/)
  const subject = fc.oneof(
    fc.constant('anyone'),
    fc.tuple(fc.constantFrom('user', 'group', 'node'), name).map(([kind, who]) => `${kind}:${who}`),
  )
  fc.assert(
    fc.property(subject, fc.constantFrom(...RIGHTS), (who, right) => {
      assert.is(formatEntry(parseEntry(`${who}=${right}`)), `${who}=${right}`)
    }),
  )
})

test('what is no subject and no right is refused', () => {
  for (const text of ['bob', 'user:', 'anyone:bob', 'users:bob', ''])
    assert.throws(
      () => parseSubject(text),
      (error: unknown) => error instanceof BootswarmError,
      text,
    )
  for (const text of ['user:bob', 'user:bob=', 'user:bob=own', '=read'])
    assert.throws(
      () => parseEntry(text),
      (error: unknown) => error instanceof BootswarmError,
      text,
    )
})

test('the changes of a version are told', () => {
  const claims = {
    ...{ namespace: 'site', name: 'debian', target: 'image:u', version: 1, previous: null },
    ...{ owner: { kind: 'user', subject: 'alice' }, ended: false, repaired: false, author: '/CN=a', iat: 1 },
  }
  const acl = (change: object): Acl => parseAcl({ ...claims, entries: [], ...change })
  const bob = { kind: 'user', subject: 'bob', right: 'read' }
  const first = acl({ entries: [bob] })
  assert.equal(changesOf(undefined, first), ['+user:bob=read', 'owner user:alice'])
  assert.equal(changesOf(first, acl({ entries: [{ ...bob, right: 'write' }] })), ['+user:bob=write'])
  const owner = { kind: 'group', subject: 'staff' }
  assert.equal(changesOf(first, acl({ owner, name: 'b', repaired: true, ended: true })), [
    ...['-user:bob', 'owner group:staff', 'renamed from site/debian', 'repaired by an admin', 'ended'],
  ])
})

test.run()
