import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { BootswarmError } from '../../src/core/errors.ts'
import { parseMetadata } from '../../src/core/metadata-values.ts'
import { IMAGE_PROPERTIES_MAX, METADATA_VALUE_CHARS_MAX } from '../../src/core/registry-limits.ts'

const test = suite('metadata values')

const parse = (given: Record<string, unknown>, unknown: 'refuse' | 'property' = 'refuse') =>
  parseMetadata(given, { unknown })

function refusal(given: Record<string, unknown>): BootswarmError {
  try {
    parse(given)
  } catch (error) {
    if (error instanceof BootswarmError) return error
    throw error
  }
  assert.unreachable(JSON.stringify(given))
  throw new TypeError('not reached')
}

test('a form of a Repoman client', () => {
  const given = {
    ...{ name: 'debian', os_variant: 'Debian', hypervisor: 'xen, kvm', read_only: 'True' },
    ...{ expires: 'Thu Nov 11 00:04:59 2010', unauthenticated_access: 'False' },
  }
  assert.equal(parse(given).fields, {
    ...{ name: 'debian', os_variant: 'Debian', hypervisor: 'xen,kvm', read_only: true },
    ...{ expires: Date.UTC(2010, 10, 11, 0, 4, 59), unauthenticated_access: false },
  })
})

test('names of FutureGrid', () => {
  const given = {
    os: 'Ubuntu',
    vmType: 'KVM',
    imgType: 'openstack',
    permission: 'public',
    imgStatus: 'locked',
    tag: 'a, b,a',
  }
  assert.equal(parse(given).fields, {
    ...{
      os_variant: 'Ubuntu',
      hypervisor: 'kvm',
      image_type: 'openstack',
      access: 'public',
      state: 'locked',
    },
    keywords: 'a,b',
  })
})

test('names of VISOR, and any further pair', () => {
  const given = {
    architecture: 'x86_64',
    type: 'kernel',
    store: 's3',
    location: 'http://x/y',
    colour: 'red',
    n: 3,
  }
  assert.equal(parse(given, 'property'), {
    fields: { os_arch: 'x86_64', image_type: 'kernel' },
    properties: { store: 's3', location: 'http://x/y', colour: 'red', n: '3' },
  })
})

test('properties by prefix and as an object; empty ones are removed', () => {
  const { properties } = parse({ 'property.a': '1', properties: { b: true, c: null, d: '' } })
  assert.equal(properties, { a: '1', b: 'true', c: null, d: null })
  assert.equal(Object.keys(parse({ 'property.__proto__': 'x' }).properties), ['__proto__'])
})

test('empty values clear what may be empty', () => {
  const given = { expires: '', description: null, image_type: '', hypervisor: '', keywords: [] }
  assert.equal(parse(given).fields, {
    ...{ expires: null, description: '', image_type: '', hypervisor: 'xen', keywords: '' },
  })
})

test('a wrong value is refused by the name that was used, with what is accepted', () => {
  const cases: [Record<string, unknown>, RegExp][] = [
    [{ read_only: 'maybe' }, /^read_only must be true or false/],
    [{ read_only: ['true'] }, /^read_only must be a text/],
    [{ expires: 'tomorrow' }, /^expires must be a time such as/],
    [{ imgType: 'floppy' }, /^imgType must be one of machine kernel/],
    [{ vmType: 'qemu' }, /^vmType must be one of none xen kvm virtualbox vmware/],
    [{ hypervisor: 'a/b' }, /^hypervisor must be words/],
    [{ imgStatus: 'error' }, /^imgStatus must be one of available locked/],
    [{ state: '' }, /^state must not be empty/],
    [{ name: null }, /^name must not be empty/],
    [{ description: 7 }, /^description must be a text/],
    [{ description: 'a\u0000b' }, /^description has control characters/],
    [{ description: '\ud800' }, /^description has control/],
    [{ description: 'x'.repeat(METADATA_VALUE_CHARS_MAX + 1) }, /^description has 4097 characters/],
    [{ keywords: ['a,b'] }, /^keywords must be words/],
    [{ size: 7 }, /^size is set by the tracker/],
    [{ accessCount: 7 }, /^accessCount is set by the tracker/],
    [{ os: 'a', os_variant: 'b' }, /^os_variant is given twice/],
    [{ 'property.a b': 'x' }, /is no key/],
    [{ properties: 'a=b' }, /^properties must be an object/],
    [{ 'property.a': ['x'] }, /^property.a must be a text/],
    [{ colour: 'red' }, /^there is no field "colour": there are name /],
    [{ __proto: 'x' }, /^there is no field/],
  ]
  for (const [given, message] of cases) {
    const error = refusal(given)
    assert.is(error.code, 'E_INVALID')
    assert.match(error.message, message)
  }
})

test('an image has so many properties', () => {
  const properties = Object.fromEntries(
    Array.from({ length: IMAGE_PROPERTIES_MAX + 1 }, (_, i) => [`k${i}`, 'x']),
  )
  assert.match(refusal({ properties }).message, /at most 64/)
})

test('whatever comes is accepted or refused with a reason', () => {
  const key = fc.oneof(
    fc.string(),
    fc.constantFrom('name', 'os', 'expires', 'read_only', 'properties', 'property.x'),
  )
  fc.assert(
    fc.property(
      fc.dictionary(key, fc.jsonValue()),
      fc.constantFrom('refuse', 'property'),
      (given, unknown) => {
        try {
          parse(given, unknown as 'refuse')
        } catch (error) {
          assert.instance(error, BootswarmError)
        }
      },
    ),
  )
})

test.run()
