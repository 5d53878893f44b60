import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { digestKey, digestOf } from '../../../src/core/cid.ts'
import { Journal } from '../../../tracker/acl/journal.ts'
import { failureOf } from '../../fixtures/failure.ts'
import { temporaryDir, withScratch } from '../../fixtures/scratch.ts'

const test = suite<{ path: string; remove: () => Promise<void> }>('journal of chains')
const seen = (target: string, serial: number) => ({
  target,
  serial,
  digest: digestKey(digestOf(Buffer.from(`${target} ${serial}`))),
})

test.before.each(async (context) => {
  const { dir, remove } = await temporaryDir()
  context.path = join(dir, 'journal')
  context.remove = remove
})
test.after.each(async ({ remove }) => await remove())

test('remembers the newest of each target, also when it is opened again', async ({ path }) => {
  const journal = await Journal.open(path)
  assert.is(journal.isNew, true)
  await journal.note([seen('image:a', 1), seen('namespace:b', 7)])
  await journal.note([seen('image:a', 2)])
  await journal.close()
  const again = await Journal.open(path)
  assert.is(again.isNew, false)
  assert.equal([...again.targets], ['image:a', 'namespace:b'])
  assert.equal(again.newest('image:a'), seen('image:a', 2))
  assert.is(again.newest('image:c'), undefined)
  await again.close()
})

test('never goes back', async ({ path }) => {
  const journal = await Journal.open(path)
  await journal.note([seen('image:a', 5)])
  await journal.note([seen('image:a', 4), { ...seen('image:a', 5), digest: seen('x', 1).digest }])
  assert.equal(journal.newest('image:a'), seen('image:a', 5))
  await journal.close()
})

test('what comes at once is written together, and all of it', async ({ path }) => {
  const journal = await Journal.open(path)
  await Promise.all(Array.from({ length: 50 }, (_, i) => journal.note([seen(`image:${i}`, 1)])))
  assert.is((await readFile(path, 'utf8')).trim().split('\n').length, 51)
  await journal.close()
})

test('a line that was cut off while it was written does not count', async ({ path }) => {
  const journal = await Journal.open(path)
  await journal.note([seen('image:a', 1), seen('image:a', 2)])
  await journal.close()
  const text = await readFile(path, 'utf8')
  for (const cut of [1, 30, 60]) {
    await writeFile(path, text.slice(0, -cut))
    const again = await Journal.open(path)
    assert.equal(again.newest('image:a'), seen('image:a', 1))
    await again.note([seen('image:b', 1)])
    await again.close()
    const third = await Journal.open(path)
    assert.equal(third.newest('image:b'), seen('image:b', 1))
    await third.close()
  }
})

test('a damaged journal is an error that says what to do', async ({ path }) => {
  const journal = await Journal.open(path)
  await journal.note([seen('image:a', 1)])
  await journal.close()
  await appendFile(path, 'nonsense\n')
  const failure = await failureOf(Journal.open(path))
  assert.is(failure.code, 'E_STORAGE')
  assert.match(failure.message, /damaged in line 3.*move the file away/s)
  await writeFile(path, 'something else\n')
  assert.match((await failureOf(Journal.open(path))).message, /line 1/)
})

test('many lines of few targets become few', async ({ path }) => {
  const journal = await Journal.open(path)
  const lines = Array.from({ length: 10_050 }, (_, i) => seen('image:a', i + 1))
  await journal.note(lines)
  await journal.close()
  const again = await Journal.open(path)
  assert.is((await readFile(path, 'utf8')).trim().split('\n').length, 2)
  assert.is(again.newest('image:a')?.serial, 10_050)
  await again.note([seen('image:a', 10_051)])
  await again.close()
  const third = await Journal.open(path)
  assert.is(third.newest('image:a')?.serial, 10_051)
  await third.close()
})

test('any file is a journal or a StorageError', async () => {
  const line = fc.oneof(fc.string(), fc.constant(`image:a 1 ${'a'.repeat(64)}`))
  await fc.assert(
    fc.asyncProperty(fc.array(line), fc.boolean(), async (lines, isHeaded) => {
      await withScratch(async (dir) => {
        const head = isHeaded ? ['bootswarm journal of chains, version 1'] : []
        await writeFile(join(dir, 'journal'), [...head, ...lines].join('\n'))
        try {
          await (await Journal.open(join(dir, 'journal'))).close()
        } catch (error) {
          assert.is((error as { code?: string }).code, 'E_STORAGE')
        }
      })
    }),
    { numRuns: 50 },
  )
})

test.run()
