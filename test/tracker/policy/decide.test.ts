import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { NotAuthorisedError } from '../../../src/core/errors.ts'
import { parseNamespace } from '../../../src/core/reference.ts'
import { Policy, type Question } from '../../../tracker/policy/decide.ts'

const test = suite('policy')
const namespace = parseNamespace('team')
const policy = new Policy({ admins: ['/CN=admin'] })
const may = (dn: string, question: Question) => policy.decide({ dn }, question)
const refuses = (dn: string, question: Question) =>
  assert.throws(
    () => may(dn, question),
    (error: unknown) => error instanceof NotAuthorisedError,
  )

test('lets everybody of the site read', () => may('/CN=anybody', { action: 'read' }))

test('gives a free namespace to whom asks first, and then to nobody else', () => {
  may('/CN=a', { action: 'write', namespace, owner: undefined })
  may('/CN=a', { action: 'write', namespace, owner: '/CN=a' })
  refuses('/CN=b', { action: 'write', namespace, owner: '/CN=a' })
})

test('lets admins do everything, and only them administer', () => {
  may('/CN=admin', { action: 'write', namespace, owner: '/CN=a' })
  may('/CN=admin', { action: 'administer' })
  refuses('/CN=a', { action: 'administer' })
})

test('lets nodes and trackers read and change nothing, unless they are admins', () => {
  for (const unit of ['nodes', 'trackers']) {
    const dn = `/O=Example/OU=${unit}/CN=a`
    may(dn, { action: 'read' })
    refuses(dn, { action: 'write', namespace, owner: undefined })
    refuses(dn, { action: 'write', namespace, owner: dn })
    new Policy({ admins: [dn] }).decide({ dn }, { action: 'write', namespace, owner: undefined })
  }
  refuses('/O=Example/CN=a+OU=nodes', { action: 'write', namespace, owner: undefined })
  for (const dn of [
    '/OU=users/CN=nodes',
    '/OU=nodesmen/CN=a',
    '/OU=users/CN=a\\/OU=nodes',
    '/CN=a\\+OU=nodes',
  ])
    may(dn, { action: 'write', namespace, owner: undefined })
})

test.run()
