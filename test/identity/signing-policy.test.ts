import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { CertificateError } from '../../src/core/errors.ts'
import { SIGNING_POLICY_BYTES_MAX } from '../../src/core/limits.ts'
import type { Name } from '../../src/identity/distinguished-name.ts'
import { SigningPolicy } from '../../src/identity/signing-policy.ts'
import { policyText } from '../fixtures/ca-directory.ts'

const test = suite('signing policy')

/** A name from text such as `/O=Example/CN=a`, without any escaping. */
const name = (text: string): Name =>
  text
    .split('/')
    .slice(1)
    .map((part) => [
      { type: part.slice(0, part.indexOf('=')), value: part.slice(part.indexOf('=') + 1), opaque: false },
    ])

const CA = '/O=Example/CN=CA'
const allows = (text: string, subject: string | Name, authority = CA) =>
  SigningPolicy.parse(text, 'x').allows(
    name(authority),
    typeof subject === 'string' ? name(subject) : subject,
  )

function refused(text: string, pattern: RegExp): void {
  assert.throws(
    () => SigningPolicy.parse(text, 'x.signing_policy'),
    (error: unknown) => error instanceof CertificateError && pattern.test(error.message),
  )
}

test('lets an authority sign what one of its patterns fits', () => {
  const text = policyText(
    CA,
    '/O=Example/OU=People/*',
    '/O=Example/CN=host/*.example.org',
    '/O=E?ample/CN=one',
  )
  assert.is(allows(text, '/O=Example/OU=People/CN=Alice'), true)
  assert.is(allows(text, '/O=Example/OU=People/CN=Alice/CN=1'), true)
  assert.is(allows(text, '/O=Example/OU=Peopl/CN=Alice'), false)
  assert.is(allows(text, '/O=Example/OU=Robots/CN=Alice'), false)
  assert.is(allows(text, '/C=CA/O=Example/OU=People/CN=Alice'), false)
  assert.is(allows(text, '/O=EXAMPLE/OU=people/CN=Alice'), true)
  assert.is(allows(text, '/O=Eggample/CN=one'), false)
  assert.is(allows(text, '/O=Eeample/CN=one'), true)
  assert.is(allows(text, '/O=Eeample/CN=one2'), false)
})

test('reads a host name with its slash as policies write it', () => {
  const host = [
    [{ type: 'O', value: 'Example', opaque: false }],
    [{ type: 'CN', value: 'host/a.example.org', opaque: false }],
  ]
  assert.is(allows(policyText(CA, '/O=Example/CN=host/*'), host), true)
  assert.is(allows(policyText(CA, '/O=Example/CN=ftp/*'), host), false)
})

test('says nothing of other authorities', () => {
  const text = policyText(CA, '*')
  for (const other of ['/O=Example/CN=Other', '/O=example/CN=CA'])
    assert.is(allows(text, '/O=Example/CN=a', other), false)
  assert.equal([...SigningPolicy.parse(text, 'x').authorities], [CA])
})

test('reads quotes, comments, several authorities and several conditions', () => {
  const text = `
# a comment with 'half a quote
access_id_CA X509 '/O=Example/CN=CA'   # and behind
access_id_CA x509 "/O=Example/CN=Second"
pos_rights globus CA:sign
cond_subjects globus /O=A/*
cond_subjects globus '"/O=B/*" "/O=C D/*"'
pos_rights GLOBUS CA:sign
cond_subjects globus '/O=E F/*'\r
access_id_CA X509 '/O=Example/CN=Third'
pos_rights globus CA:sign
cond_subjects globus "/O=G/*"`
  for (const authority of [CA, '/O=Example/CN=Second']) {
    for (const o of ['A', 'B', 'C D', 'E F']) assert.is(allows(text, `/O=${o}/CN=x`, authority), true, o)
    assert.is(allows(text, '/O=G/CN=x', authority), false)
  }
  assert.is(allows(text, '/O=G/CN=x', '/O=Example/CN=Third'), true)
  assert.is(allows(text, '/O=A/CN=x', '/O=Example/CN=Third'), false)
})

test('takes the names of e-mail addresses and the spellings of letters as one', () => {
  for (const word of ['Email', 'E', 'emailAddress']) {
    assert.is(allows(policyText(CA, `/O=Example/${word}=*`), '/O=Example/emailAddress=a@b'), true)
  }
  for (const word of ['ü', '\\xC3\\xBC', '\\xc3\\xbc']) {
    assert.is(allows(policyText(CA, `/O=Z${word}rich/*`), '/O=Zürich/CN=a'), true)
  }
})

test('refuses what it would not enforce, and says where', () => {
  refused(
    policyText(CA, '*').replace('CA:sign', 'CA:all'),
    /^signing policy x.signing_policy, line 3: the only right/,
  )
  refused(
    policyText(CA, '*').replace('pos_rights', 'neg_rights'),
    /line 3: pos_rights is expected, not "neg_rights"/,
  )
  refused(
    policyText(CA, '*').replace('access_id_CA', 'access_id_anybody'),
    /line 2: access_id_CA is expected/,
  )
  refused(policyText(CA, '*').replace('cond_subjects', 'cond_ttl'), /line 4: cond_subjects is expected/)
  refused(policyText(CA, '*').replace('X509', 'krb5'), /line 2: the second word must be x509/)
  refused("access_id_CA X509 '/O=a", /line 1: a ' is not closed/)
  refused('access_id_CA X509', /a value is missing/)
  refused('access_id_CA X509 /O=a', /pos_rights is expected, not the end/)
  refused('#'.repeat(SIGNING_POLICY_BYTES_MAX + 1), /more than 65536 bytes/)
  assert.is(SigningPolicy.parse('# nothing', 'x').authorities.size, 0)
})

test('throws nothing but its own error, whatever the text', () => {
  const word = fc.constantFrom(
    'access_id_CA',
    'pos_rights',
    'cond_subjects',
    'X509',
    'globus',
    'CA:sign',
    "'",
    '"',
    '#',
    '\n',
    '/O=a/*',
  )
  fc.assert(
    fc.property(fc.array(fc.oneof(word, fc.string())), (words) => {
      try {
        SigningPolicy.parse(words.join(' '), 'x').allows(name(CA), name('/O=a/CN=b'))
      } catch (error) {
        assert.instance(error, CertificateError)
      }
    }),
    { numRuns: 1000 },
  )
})

test('agrees with a regular expression on what a pattern fits', () => {
  const text = fc.stringMatching(/^[ab]{0,10}$/)
  const pattern = fc.stringMatching(/^[ab*?]{0,8}$/)
  fc.assert(
    fc.property(pattern, text, (glob, value) => {
      const wanted = new RegExp(`^/CN=${glob.replaceAll('?', '.').replaceAll('*', '.*')}$`).test(
        `/CN=${value}`,
      )
      assert.is(allows(policyText(CA, `/CN=${glob}`), `/CN=${value}`), wanted)
    }),
    { numRuns: 2000 },
  )
})

test('takes bounded time for a hostile pattern', () => {
  const stars = `${'*a'.repeat(30_000)}b`
  const started = performance.now()
  assert.is(allows(policyText(CA, stars), `/CN=${'a'.repeat(1000)}`), false)
  assert.ok(performance.now() - started < 2000)
})

test.run()
