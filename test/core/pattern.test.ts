import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { InvalidError } from '../../src/core/errors.ts'
import { compilePattern } from '../../src/core/pattern.ts'
import { QUERY_REGEX_CHARS_MAX, QUERY_REGEX_PROGRAM_MAX } from '../../src/core/registry-limits.ts'

const test = suite('pattern')
const compile = (source: string, ignoreCase = false) => compilePattern(source, { ignoreCase })

/** Patterns that take others exponential or quadratic time. */
const HOSTILE = [
  ...['(a+)+$', '(a*)*$', '(a|a)*b', '(a|aa)+$', '(.*)*x', '(x+x+)+y', '^(a?){40}a{40}$', '(.*a){20}$'],
  ...[
    '.*.*.*.*.*=.*',
    '(a|b|ab)*c',
    '([a-z]+)*\\d',
    '\\s+$',
    '(a.*){10}b',
    '(?i)(A+)+!$',
    '(\\pL|\\pN)*_',
    'a{1,99}b',
  ],
]

/** Characters that matching looks at. */
function readsOf(source: string, text: string): number {
  const pattern = compile(source)
  const { charCodeAt } = String.prototype
  let reads = 0
  String.prototype.charCodeAt = function (at: number): number {
    if (this.length === text.length) reads++
    return charCodeAt.call(this, at)
  }
  try {
    pattern.found(text)
  } finally {
    String.prototype.charCodeAt = charCodeAt
  }
  return reads
}

test('is looked for anywhere, unless it says where', () => {
  assert.is(compile('1[23]').found('debian-12'), true)
  assert.is(compile('^1[23]').found('debian-12'), false)
  assert.is(compile('DEBIAN', true).found('debian-12'), true)
  assert.is(compile('^$').found(''), true)
  assert.is(compile('Ünïcode\\pL$', true).found('ünÏcodeß'), true)
})

test('looks at each character a bounded number of times, whatever the pattern', () => {
  for (const source of HOSTILE) {
    for (const unit of ['a', 'ab', 'x', 'a ', ' ']) {
      const short = readsOf(source, unit.repeat(1001 / unit.length))
      const long = readsOf(source, unit.repeat(4001 / unit.length))
      const { programSize } = compile(source)
      assert.ok(long <= 4001 * (programSize + 4), `${source} reads ${long} of 4001`)
      assert.ok(long <= 4.5 * Math.max(short, 1001), `${source} reads ${short} of 1001 and ${long} of 4001`)
    }
  }
})

test('what a few characters would make too large is refused before it is compiled', () => {
  const large = [
    ...[
      'a{1000}',
      '(a{100}){100}',
      '((abcdefghijklmnop){30}){30}',
      '[a-z]{257}',
      '(?:a{16}){17}',
      '\\pL{300}',
    ],
    ...[
      '(a{50}){1,9}',
      '\\x{61}{300}',
      '[[:alpha:]]{300}',
      '[]a]{300}',
      '\\Qabcdefgh\\E{300}',
      '(((((a){9}){9}){9}){9}){9}',
    ],
  ]
  for (const source of large) assert.throws(() => compile(source), /too large/, source)
  assert.throws(() => compile('a'.repeat(QUERY_REGEX_CHARS_MAX + 1)), /at most 256 characters/)
})

test('useful patterns are not too large', () => {
  const uuid = '^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$'
  assert.is(compile(uuid).found('123e4567-e89b-12d3-a456-426614174000'), true)
  for (const source of ['^\\d{4}-\\d{2}-\\d{2}', '.{1,100}', '[[:alpha:]]{3}\\{9999}', '\\Q{9999}\\E'])
    compile(source)
})

test('what is no pattern of RE2 is refused with its reason', () => {
  for (const source of [
    '(',
    '[',
    'a**',
    '\\',
    '(?=a)',
    '(?<!a)b',
    '(a)\\1',
    'a{2,1}',
    '\\p{Nothing}',
    '(?P<n',
  ])
    assert.throws(
      () => compile(source),
      (error: unknown) => error instanceof InvalidError,
      source,
    )
})

test('every pattern compiles within its bounds or is refused', () => {
  const part = fc.constantFrom(
    ...[
      'a',
      '.',
      '[a-z]',
      '[]',
      '(',
      ')',
      '(?:',
      '{9}',
      '{2,30}',
      '{,5}',
      '*',
      '+?',
      '|',
      '\\d',
      '\\pL',
      '\\Q',
      '\\E',
      '^',
      '$',
      '[',
    ],
  )
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(part).map((parts) => parts.join('')),
      ),
      (source) => {
        try {
          const pattern = compile(source)
          assert.ok(pattern.programSize <= QUERY_REGEX_PROGRAM_MAX)
          pattern.found(source)
        } catch (error) {
          assert.instance(error, InvalidError)
        }
      },
    ),
    { numRuns: 500 },
  )
})

test.run()
