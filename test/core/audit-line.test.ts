import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  AUDIT_START,
  AuditChain,
  type AuditEntry,
  auditDigest,
  encodeAuditLine,
  matchesAudit,
  parseAuditLine,
} from '../../src/core/audit-line.ts'

const test = suite('audit line')

const entry = (time: string, more: Partial<AuditEntry> = {}): AuditEntry => {
  return { time, action: 'tag.put', result: 'done', dn: '/O=Example/CN=alice', asker: 'alice', ...more }
}

function chainOf(entries: readonly AuditEntry[]): string[] {
  let prev = AUDIT_START
  return entries.map((one, i) => {
    const text = encodeAuditLine(one, { seq: i + 1, prev })
    prev = auditDigest(text)
    return text
  })
}

function faults(lines: readonly string[]): (string | undefined)[] {
  const chain = new AuditChain()
  return lines.map((line) => chain.next(line))
}

const lines = chainOf(
  ['2030-01-01T00:00:00Z', '2030-01-02T00:00:00Z', '2030-01-03T00:00:00Z'].map((time) => entry(time)),
)

test('lines that nobody touched are a chain, from any of them on', () => {
  assert.equal(faults(lines), [undefined, undefined, undefined])
  assert.equal(faults(lines.slice(1)), [undefined, undefined])
  const chain = new AuditChain()
  for (const line of lines) chain.next(line)
  assert.equal(chain.head, { seq: 3, digest: auditDigest(lines[2] ?? '') })
})

test('a changed, missing, moved or foreign line is found where it is', () => {
  const [a = '', b = '', c = ''] = lines
  assert.match(faults([a, b.replace('alice', 'carol'), c])[2] ?? '', /one of the two was changed/)
  assert.match(faults([a, c])[1] ?? '', /has number 3 after 1: lines are missing/)
  assert.match(faults([b, a, c])[1] ?? '', /moved/)
  assert.match(faults([a, 'rubbish', b])[1] ?? '', /is no line/)
  assert.match(faults([a.replace(AUDIT_START, 'a'.repeat(64))])[0] ?? '', /names one before it/)
})

test('only whole lines are lines', () => {
  const whole = lines[0] ?? ''
  assert.is(parseAuditLine(whole)?.action, 'tag.put')
  for (const text of [
    '',
    '{}',
    'null',
    '[]',
    whole.slice(0, -1),
    whole.replace('"seq":1', '"seq":0'),
    'x'.repeat(1e6),
  ])
    assert.is(parseAuditLine(text), undefined)
})

test('filters look at askers, actions, results, targets and times', () => {
  const line = parseAuditLine(
    chainOf([entry('2030-01-02T00:00:00Z', { target: { name: 'debian' } })])[0] ?? '',
  )
  assert.ok(line)
  const yes = [
    {},
    { asker: 'CN=ali' },
    { asker: 'alice' },
    { action: 'tag' },
    { result: 'done' },
    { target: 'bian' },
  ]
  const no = [{ asker: 'bob' }, { action: 'put' }, { result: 'refused' }, { target: 'ubuntu' }]
  const at = Date.UTC(2030, 0, 2)
  for (const filter of [...yes, { sinceMs: at }, { untilMs: at + 1 }]) assert.ok(matchesAudit(line, filter))
  for (const filter of [...no, { sinceMs: at + 1 }, { untilMs: at }]) assert.not(matchesAudit(line, filter))
})

test.run()
