import { readFileSync } from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { BootswarmError } from '../../../src/core/errors.ts'
import { parsePutHead } from '../../../tracker/raw/put-head.ts'

const test = suite('heads of raw uploads')

const page = readFileSync('docs/specs/raw-upload-v1.md', 'utf8')
const vectors = [...page.slice(page.indexOf('## 6 Vectors')).matchAll(/^\| (\d+|-|chunked) \|.*$/gm)].map(
  ([row]) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
)

function parse(headers: Record<string, string>): string[] {
  try {
    const { kind, start, end, totalBytes } = parsePutHead(headers)
    return [kind, `${start}`, `${end ?? '-'}`, `${totalBytes ?? '-'}`]
  } catch (error) {
    if (error instanceof BootswarmError) return [error.code, '', '', '']
    throw error
  }
}

test('the vectors of the specification', () => {
  assert.ok(vectors.length > 20)
  for (const [length = '', range = '', ...expected] of vectors) {
    const headers = {
      ...(length === 'chunked' ? { 'transfer-encoding': 'chunked' } : {}),
      ...(/\d/.test(length) ? { 'content-length': length } : {}),
      ...(range === '-' ? {} : { 'content-range': range }),
    }
    assert.equal(parse(headers), expected, `${length} ${range}`)
  }
})

test('packed bodies are no images', () => {
  const head = { 'content-length': '10' }
  assert.is(parse({ ...head, 'content-encoding': 'gzip' })[0], 'E_INVALID')
  assert.is(parse({ ...head, 'content-encoding': 'identity' })[0], 'whole')
})

test('digests of a body and of the whole are told apart', () => {
  const sums = {
    'content-md5': Buffer.alloc(16).toString('base64'),
    'content-digest': `sha-256=:${Buffer.alloc(32).toString('base64')}:`,
    'repr-digest': `sha-512=:${Buffer.alloc(64).toString('base64')}:, sha-256=:${Buffer.alloc(32).toString('base64')}:`,
  }
  const names = (claims: readonly { name: string }[]) => claims.map(({ name }) => name)
  const whole = parsePutHead({ 'content-length': '10', ...sums })
  assert.equal(names(whole.bodyClaims), ['Content-MD5', 'Repr-Digest (sha-512)'])
  assert.equal(names(whole.wholeClaims), ['Content-Digest (sha-256)', 'Repr-Digest (sha-256)'])
  const part = parsePutHead({ 'content-length': '10', 'content-range': 'bytes 0-9/20', ...sums })
  assert.equal(names(part.bodyClaims), ['Content-MD5', 'Content-Digest (sha-256)'])
  assert.equal(names(part.wholeClaims), ['Repr-Digest (sha-256)'])
})

test('malformed digests are refused, unknown ones passed over', () => {
  const head = { 'content-length': '10' }
  for (const bad of ['sha-256=abc', 'sha-256=:AAAA:', ':', 'sha-256', Array(9).fill('x=:AA==:').join(',')])
    assert.is(parse({ ...head, 'repr-digest': bad })[0], 'E_INVALID', bad)
  assert.is(parse({ ...head, 'repr-digest': 'crc32c=:AAAAAA==:' })[0], 'whole')
})

test.run()
