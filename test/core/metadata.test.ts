import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { fieldNamed, METADATA_FIELDS, propertyKey } from '../../src/core/metadata.ts'

const test = suite('metadata')

const FUTUREGRID =
  'imgId owner os arch description tag vmType imgType permission imgStatus imgURI createdDate lastAccess accessCount size'
const VISOR =
  '_id uri name architecture created_at updated_at accessed_at access_count owner status size checksum access type format uploaded_at store location kernel ramdisk'
const REPOMAN =
  'uuid name owner_user_name owner uploaded modified expires checksum os_variant os_type os_arch hypervisor description read_only unauthenticated_access http_file_url raw_file_uploaded version size file_url user_name'

test('knows every field of Repoman, VISOR and FutureGrid', () => {
  for (const name of `${FUTUREGRID} ${VISOR} ${REPOMAN}`.split(' ')) assert.ok(fieldNamed(name), name)
})

test('no two fields share a name', () => {
  const names = METADATA_FIELDS.flatMap((field) => [field.name, ...field.aliases]).map((name) =>
    name.toLowerCase(),
  )
  assert.is(new Set(names).size, names.length)
  for (const { name } of METADATA_FIELDS) assert.match(name, /^[a-z][a-z0-9_]*$/)
})

test('names are found in upper and lower case', () => {
  assert.is(fieldNamed('VMTYPE')?.name, 'hypervisor')
  assert.is(fieldNamed('imguri')?.name, 'uri')
  assert.is(fieldNamed('colour'), undefined)
  assert.is(fieldNamed('__proto__'), undefined)
})

test('what is an enum says what it can be', () => {
  for (const { type, values, name } of METADATA_FIELDS) assert.is(type === 'enum', values !== undefined, name)
})

test('keys of free properties have one syntax, with the prefix or without', () => {
  assert.is(propertyKey('property.colour'), 'colour')
  assert.is(propertyKey('site:zone-2'), 'site:zone-2')
  for (const name of ['', 'property.', '2nd', 'a b', 'a=b', 'x'.repeat(65)])
    assert.is(propertyKey(name), undefined)
})

test.run()
