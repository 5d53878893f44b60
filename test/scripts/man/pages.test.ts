import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { commandPages } from '../../../scripts/man/command-pages.ts'
import { CONFIG_FILES, configPages, keysOf } from '../../../scripts/man/config-pages.ts'
import { escaped, lines } from '../../../scripts/man/roff.ts'
import { missingPrograms, testsThatNeed } from '../../fixtures/programs.ts'

const run = promisify(execFile)
const test = suite('manual pages')
const withMan = testsThatNeed(test, missingPrograms('groff', 'mandoc'))
const version = { version: '1.2.3' }
const commands = commandPages(version)
const pages = [...commands, ...configPages(version)]

test('there is one for every command, with what its help says', () => {
  const files = commands.map(({ file }) => file)
  for (const name of [
    'bootswarm',
    'bootswarm-image-push',
    'bootswarm-image-profile-show',
    'bootswarm-node-seed-add',
  ])
    assert.ok(files.includes(`${name}.1`), name)
  assert.is(new Set(files).size, files.length)
  const push = commands.find(({ file }) => file === 'bootswarm-image-push.1')?.text ?? ''
  for (const title of [
    'NAME',
    'SYNOPSIS',
    'DESCRIPTION',
    'ARGUMENTS',
    'OPTIONS',
    'EXAMPLES',
    'EXIT STATUS',
    'SEE ALSO',
  ])
    assert.ok(push.includes(`.SH ${title}\n`), title)
  assert.match(push, 'bootswarm image push')
})

test('every key of a configuration file is explained, and none that it has not', () => {
  for (const { program, schema, meanings } of CONFIG_FILES) {
    const keys = keysOf(schema, { prefix: '', required: true })
    assert.equal(new Set(Object.keys(meanings)), new Set(keys.map(({ key }) => key)), program)
    const needed = keys.filter(({ required }) => required).map(({ key }) => key)
    assert.ok(needed.includes('dataDir') && needed.includes('identity.key') && !needed.includes('log.level'))
  }
})

test('no text is taken for markup', () => {
  assert.is(escaped('a\\fB-b'), 'a\\efB\\-b')
  assert.is(lines(".TH\n'br"), '\\&.TH\n\\(aqbr\n')
  assert.is(escaped('é'), '\\[u00E9]')
})

withMan('groff and mandoc read all of them without a complaint', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'bs-man-'))
  try {
    for (const { file, text } of pages) await writeFile(join(dir, file), text)
    const paths = (await readdir(dir)).map((file) => join(dir, file))
    const groff = await run('groff', ['-man', '-Tutf8', '-ww', '-z', ...paths])
    assert.is(groff.stderr, '')
    const lint = await run('mandoc', ['-T', 'lint', '-W', 'warning', ...paths]).catch(
      (error: { stdout: string }) => error,
    )
    // Pages have no date: they are the same whenever they are made.
    const complaints = lint.stdout.split('\n').filter((line) => line !== '' && !line.includes('missing date'))
    assert.equal(complaints, [])
    const { stdout } = await run('mandoc', ['-T', 'html', join(dir, 'bootswarm-node.yaml.5')])
    assert.match(stdout, /<b>tracker\.url<\/b>\s+\(needed\)/)
  } finally {
    await rm(dir, { recursive: true })
  }
})

test('the sources of the pages are in the repository', async () => {
  const ignored = readFileSync('.gitignore', 'utf8').split('\n')
  assert.not(ignored.includes('man/'), 'which would be every folder of that name')
})

test.run()
