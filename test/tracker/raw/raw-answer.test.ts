import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { ManifestId } from '../../../src/core/cid.ts'
import { rawAnswer } from '../../../tracker/raw/raw-answer.ts'

const test = suite('answers to raw requests')
const version = {
  manifest: 'bafy' as ManifestId,
  size: 3000,
  createdAtMs: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
}
const modified = 'Fri, 02 Jan 2026 03:04:05 GMT'
const get = (headers: Record<string, string> = {}, method = 'GET') => rawAnswer({ method, headers }, version)

test('the whole, with its tag and length', () => {
  const { status, headers, range } = get()
  assert.equal([status, range], [200, { start: 0, end: 3000 }])
  assert.is(headers['etag'], '"bafy"')
  assert.is(headers['last-modified'], modified)
  assert.is(headers['content-length'], 3000)
  assert.is(headers['accept-ranges'], 'bytes')
})

test('HEAD says the same and sends nothing', () => {
  const { status, headers, range } = get({}, 'HEAD')
  assert.equal([status, headers['content-length'], range], [200, 3000, undefined])
  const part = get({ range: 'bytes=0-9' }, 'HEAD')
  assert.equal([part.status, part.headers['content-length'], part.range], [206, 10, undefined])
})

test('parts, and parts that are not there', () => {
  const { status, headers, range } = get({ range: 'bytes=1000-1999' })
  assert.equal([status, range], [206, { start: 1000, end: 2000 }])
  assert.equal([headers['content-length'], headers['content-range']], [1000, 'bytes 1000-1999/3000'])
  const past = get({ range: 'bytes=3000-' })
  assert.equal([past.status, past.headers['content-range'], past.range], [416, 'bytes */3000', undefined])
})

test('nothing where the client has it', () => {
  assert.is(get({ 'if-none-match': '"x", W/"bafy"' }).status, 304)
  assert.is(get({ 'if-none-match': '"x"' }).status, 200)
  assert.is(get({ 'if-modified-since': modified }).status, 304)
  assert.is(get({ 'if-modified-since': 'Fri, 02 Jan 2026 03:04:04 GMT' }).status, 200)
  assert.is(get({ 'if-modified-since': 'yesterday' }).status, 200)
  assert.is(get({ 'if-modified-since': modified, 'if-none-match': '"x"' }).status, 200)
  assert.is(get({ 'if-none-match': '"bafy"' }).range, undefined)
})

test('the whole where a part is asked for of something else', () => {
  assert.is(get({ range: 'bytes=0-9', 'if-range': '"bafy"' }).status, 206)
  assert.is(get({ range: 'bytes=0-9', 'if-range': modified }).status, 206)
  assert.is(get({ range: 'bytes=0-9', 'if-range': '"x"' }).status, 200)
  // A weak tag never matches here (RFC 9110 section 13.1.5).
  assert.is(get({ range: 'bytes=0-9', 'if-range': 'W/"bafy"' }).status, 200)
})

test.run()
