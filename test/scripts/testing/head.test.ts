import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { headOf } from '../../../scripts/testing/head.ts'

const test = suite('heads of test files')
let dir = ''
test.before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'heads-'))
})
test.after(() => rm(dir, { recursive: true }))

async function headOfText(text: string) {
  const path = join(dir, 'some.test.ts')
  await writeFile(path, text)
  return await headOf(path)
}

test('say a deadline and whether the test mostly waits', async () => {
  const both = await headOfText("// deadline: 300 s\n// mostly waits\nimport { suite } from 'uvu'\n")
  assert.equal(both, { deadlineMs: 300_000, mostlyWaits: true })
  assert.equal(await headOfText("import { suite } from 'uvu'\n"), { deadlineMs: 120_000, mostlyWaits: false })
})

test('say nothing in other words, in later lines or in a file that is gone', async () => {
  const plain = { deadlineMs: 120_000, mostlyWaits: false }
  assert.equal(await headOfText('// deadline: soon\n// it mostly waits\n'), plain)
  assert.equal(await headOfText(`${'//\n'.repeat(200)}// mostly waits\n`), plain)
  assert.equal(await headOf(join(dir, 'gone.test.ts')), plain)
})

test.run()
