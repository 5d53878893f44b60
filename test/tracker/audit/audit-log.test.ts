import { appendFile, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { AuditChain, type AuditEntry, type AuditLine } from '../../../src/core/audit-line.ts'
import { silentLog } from '../../../src/core/log.ts'
import {
  AUDIT_LINE_BYTES_MAX,
  AUDIT_REFUSALS_PER_MINUTE,
  AUDIT_ROTATE_BYTES,
} from '../../../src/core/registry-limits.ts'
import { auditFiles } from '../../../tracker/audit/audit-file.ts'
import { AuditLog } from '../../../tracker/audit/audit-log.ts'
import { failureOf } from '../../fixtures/failure.ts'
import { FakeClock } from '../../fixtures/fake-clock.ts'
import { temporaryDir } from '../../fixtures/scratch.ts'

const test = suite<{ dir: string; clock: FakeClock; remove: () => Promise<void> }>('audit log')

test.before.each(async (context) => {
  Object.assign(context, await temporaryDir())
  context.clock = new FakeClock()
})
test.after.each(async ({ remove }) => await remove())

const open = (context: { dir: string; clock: FakeClock }, rotateBytes = AUDIT_ROTATE_BYTES) =>
  AuditLog.open({ clock: context.clock, log: silentLog }, { dir: context.dir, rotateBytes })
const done = (name: string): Omit<AuditEntry, 'time'> => ({ action: name, result: 'done', dn: '/CN=alice' })
const refused = (dn: string | null): Omit<AuditEntry, 'time'> => {
  return { action: 'image.delete', result: 'refused', dn, kind: dn === null ? 'anonymous' : 'user' }
}

async function lines(dir: string): Promise<AuditLine[]> {
  const chain = new AuditChain()
  const found: AuditLine[] = []
  for (const path of await auditFiles(dir)) {
    const text = await readFile(path, 'utf8').catch(() => '')
    for (const line of text.split('\n').filter((one) => one !== '')) {
      assert.is(chain.next(line), undefined, line)
      found.push(JSON.parse(line) as AuditLine)
    }
  }
  return found
}

const actions = async (dir: string) => (await lines(dir)).map(({ action }) => action)

test('is a chain over restarts, in a file that only its owner reads', async (context) => {
  for (const name of ['a', 'b']) {
    const audit = await open(context)
    audit.write(done(name))
    audit.write(done(`${name}2`))
    await audit.close()
  }
  assert.equal(await actions(context.dir), ['a', 'a2', 'b', 'b2'])
  assert.is((await stat(join(context.dir, 'audit.jsonl'))).mode & 0o777, 0o600)
  assert.is((await lines(context.dir))[0]?.time, new Date(context.clock.now()).toISOString())
})

test('a line that was cut off while it was written goes, and its going is written down', async (context) => {
  const audit = await open(context)
  audit.write(done('a'))
  await audit.close()
  await appendFile(join(context.dir, 'audit.jsonl'), '{"seq":2,"time":"20')
  const again = await open(context)
  again.write(done('b'))
  await again.close()
  assert.equal(await actions(context.dir), ['a', 'audit.torn', 'b'])
})

test('a file that somebody else wrote to is not gone on with', async (context) => {
  await writeFile(join(context.dir, 'audit.jsonl'), 'hello\n')
  const error = await failureOf(open(context))
  assert.is(error.code, 'E_STORAGE')
  assert.match(error.message, /does not end with a line of an audit log/)
})

test('goes on in the next file when one is full, also after a restart in between', async (context) => {
  const audit = await open(context, 400)
  for (let i = 0; i < 10; i++) {
    audit.write(done(`n${i}`))
    await audit.flush()
  }
  await audit.close()
  const again = await open(context, 400)
  again.write(done('last'))
  await again.close()
  const files = (await readdir(context.dir)).filter((name) => /^audit-\d{12}\.jsonl$/.test(name))
  assert.ok(files.length >= 2, String(files))
  const written = (await actions(context.dir)).filter((action) => action !== 'audit.continued')
  assert.equal(written, [...Array.from({ length: 10 }, (_, i) => `n${i}`), 'last'])
})

test('goes on in a new file when somebody has moved this one away', async (context) => {
  const audit = await open(context)
  audit.write(done('a'))
  await audit.flush()
  await rename(join(context.dir, 'audit.jsonl'), join(context.dir, 'audit-000000000001.jsonl'))
  await audit.reopen()
  audit.write(done('b'))
  await audit.close()
  assert.equal(await actions(context.dir), ['a', 'audit.continued', 'b'])
})

test('refusals of one asker beyond a bound are counted', async (context) => {
  const audit = await open(context)
  for (let i = 0; i < AUDIT_REFUSALS_PER_MINUTE + 500; i++) audit.write(refused(null))
  for (let i = 0; i < 3; i++) audit.write(refused('/CN=bob'))
  await context.clock.advance(60_000)
  audit.write(refused(null))
  await audit.close()
  const all = await lines(context.dir)
  const omitted = all.filter(({ action }) => action === 'audit.omitted')
  assert.equal(
    omitted.map(({ dn, count }) => [dn, count]),
    [[null, 500]],
  )
  assert.is(all.length, AUDIT_REFUSALS_PER_MINUTE + 3 + 1 + 1)
})

test('changes are never left out', async (context) => {
  const audit = await open(context)
  for (let i = 0; i < 1000; i++) audit.write(done('a'))
  await audit.close()
  assert.is((await lines(context.dir)).length, 1000)
})

test('lines are bounded', async (context) => {
  const audit = await open(context)
  audit.write({ ...done('a'), target: { name: '\u0800'.repeat(AUDIT_LINE_BYTES_MAX) } })
  await audit.close()
  const [line] = await lines(context.dir)
  assert.is(line?.detail, 'left out: too long')
})

test('is read from its end, in pages, by filters, over files', async (context) => {
  const audit = await open(context, 2000)
  for (let i = 1; i <= 100; i++) {
    audit.write({ ...done(i % 10 === 0 ? 'tag.put' : 'image.post'), target: { name: `i${i}` } })
    if (i % 5 === 0) await audit.flush()
  }
  const names = async (filter: object, page: { before?: number; limit: number }) => {
    const { lines: found, next } = await audit.read(filter, page)
    return { names: found.map(({ target }) => target?.['name']).join(' '), next }
  }
  const first = await names({ action: 'tag' }, { limit: 3 })
  assert.is(first.names, 'i100 i90 i80')
  const second = await names({ action: 'tag' }, { limit: 3, before: first.next ?? 0 })
  assert.is(second.names, 'i70 i60 i50')
  const rest = await names({ action: 'tag' }, { limit: 100, before: second.next ?? 0 })
  assert.equal(rest, { names: 'i40 i30 i20 i10', next: null })
  assert.is((await names({ target: 'i10' }, { limit: 10 })).names, 'i100 i10')
  await audit.close()
})

test('a disk that refuses keeps the lines, and says so until it takes them', async (context) => {
  const audit = await open(context)
  audit.check()
  const file = await import('node:fs/promises').then(({ open: openFile }) =>
    openFile(join(context.dir, 'audit.jsonl'), 'r'),
  )
  const prototype = Object.getPrototypeOf(file) as { appendFile: unknown }
  await file.close()
  const { appendFile: original } = prototype
  prototype.appendFile = async () => {
    throw Object.assign(new RangeError('no space'), { code: 'ENOSPC' })
  }
  try {
    audit.write(done('a'))
    await audit.flush()
    assert.throws(() => audit.check(), /cannot be written/)
  } finally {
    prototype.appendFile = original
  }
  audit.write(done('b'))
  await audit.flush()
  audit.check()
  await audit.close()
  assert.equal(await actions(context.dir), ['a', 'b'])
})

test.run()
