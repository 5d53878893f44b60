import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { MARKER, processesMarked } from '../../../scripts/testing/processes.ts'
import { runFile } from '../../../scripts/testing/run-file.ts'
import { skipLines } from '../../../scripts/testing/skips.ts'
import { addUp, countsLine, type Outcome } from '../../../scripts/testing/totals.ts'
import { until } from '../../fixtures/hosts.ts'

const test = suite('test runner')
let dir = ''
test.before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'runner-'))
})
test.after(() => rm(dir, { recursive: true }))

/** Runs a test file with this body after the imports. */
async function outcomeOf(body: string): Promise<Outcome> {
  const path = join(dir, 'some.test.mjs')
  const head = `import { suite } from '${import.meta.resolve('uvu')}'\nimport fs from 'node:fs'
import os from 'node:os'\nimport { spawn } from 'node:child_process'\nconst test = suite('some')\n`
  const [deadline = '', rest = ''] = body.startsWith('// deadline') ? [body.split('\n')[0], body] : ['', body]
  await writeFile(path, `${deadline}\n${head}${rest}\ntest.run()\n`)
  return await runFile(path)
}

const countsOf = ({ passed, failed, skipped }: Outcome) => countsLine({ passed, failed, skipped })

test('counts what passed, failed and was skipped', async () => {
  const outcome = await outcomeOf(`
    test('a', () => {}); test('b', () => {}); test.skip('c', () => {})
    test('d', () => { throw new Error('on purpose') })`)
  assert.is(countsOf(outcome), '2 passed, 1 failed, 1 skipped')
  assert.match(outcome.output, 'on purpose')
})

test('reads why tests were skipped', async () => {
  const outcome =
    await outcomeOf(`console.log('skipped: no such program'); test.skip('c', () => {}); test('a', () => {})
    console.log('nothing was skipped here')`)
  assert.equal([outcome.skipped, outcome.reasons], [1, ['no such program']])
})

test('a run says what was skipped and why, and CI says it loudly', () => {
  const outcome = { name: 'a.test.ts', passed: 1, failed: 0, skipped: 0, reasons: [], seconds: 1, output: '' }
  const outcomes = [
    outcome,
    { ...outcome, name: 'b.test.ts', skipped: 2, reasons: ['no curl', 'no root'] },
    { ...outcome, name: 'c.test.ts', skipped: 1 },
  ]
  const lines = ['skipped:', '    2  b.test.ts: no curl; no root', '    1  c.test.ts: it does not say why']
  assert.equal(skipLines([outcome], { inCi: true }), [])
  assert.equal(skipLines(outcomes, { inCi: false }), lines)
  assert.match(skipLines(outcomes, { inCi: true }).at(-1) ?? '', /^!!!! {2}3 TESTS DID NOT RUN/)
})

test('a hook that throws is a failure, though uvu ends well', async () => {
  assert.is(
    countsOf(await outcomeOf(`test.before(() => { throw new Error('x') }); test('a', () => {})`)),
    '0 passed, 1 failed',
  )
})

test('a file without tests is a failure', async () => {
  assert.is(countsOf(await outcomeOf('')), '0 passed, 1 failed')
  assert.is(countsOf(await outcomeOf('process.exit(0)')), '0 passed, 1 failed')
})

test('a file that is not done by its deadline is ended and has failed', async () => {
  const outcome = await outcomeOf(
    `// deadline: 1 s\ntest('a', () => new Promise(() => setInterval(() => {}, 1e6)))`,
  )
  assert.is(countsOf(outcome), '0 passed, 1 failed')
  assert.match(outcome.output, 'was not done after 1 s')
})

test('a process that is left behind is ended and is a failure', async () => {
  const own = process.env[MARKER]
  const outcome = await outcomeOf(`test('a', () => {
    const child = spawn('/bin/sleep', ['1000'], { detached: true, stdio: 'ignore' })
    child.unref()
  })`)
  assert.is(countsOf(outcome), '1 passed, 1 failed')
  assert.match(outcome.output, /left process \d+ behind: \/bin\/sleep 1000/)
  assert.is(process.env[MARKER], own)
  assert.equal((await processesMarked('no such marker')).length, 0)
})

test('a file that is left behind is removed and is a failure', async () => {
  const outcome = await outcomeOf(`test('a', () => { fs.mkdtempSync(os.tmpdir() + '/mine-') })`)
  assert.is(countsOf(outcome), '1 passed, 1 failed')
  assert.match(outcome.output, 'left a file behind in the temporary folder: mine-')
})

test('a run that is interrupted leaves neither processes nor files', async () => {
  const pidFile = join(dir, 'pid')
  const path = join(dir, 'long.test.mjs')
  await writeFile(
    path,
    `import { spawn } from 'node:child_process'\nimport fs from 'node:fs'\nimport os from 'node:os'
    fs.mkdtempSync(os.tmpdir() + '/mine-')
    const child = spawn('/bin/sleep', ['1000'], { detached: true, stdio: 'ignore' })
    fs.writeFileSync('${pidFile}.new', child.pid + ' ' + os.tmpdir())
    fs.renameSync('${pidFile}.new', '${pidFile}')`,
  )
  const module = import.meta.resolve('../../../scripts/testing/run-file.ts')
  const script = `process.on('SIGTERM', () => process.exit(1))
    const { runFile } = await import('${module}')
    await runFile('${path}')`
  const runner = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'ignore' })
  const exited = once(runner, 'exit')
  await until(() => existsSync(pidFile))
  const [pid, temporary] = (await readFile(pidFile, 'utf8')).split(' ')
  runner.kill('SIGTERM')
  await exited
  await until(() => !existsSync(`/proc/${pid}`))
  assert.not(existsSync(String(temporary)))
})

test('the last line adds everything up', () => {
  const counts = addUp([
    { passed: 1, failed: 0, skipped: 2 },
    { passed: 3, failed: 1, skipped: 0 },
  ])
  assert.is(countsLine(counts), '4 passed, 1 failed, 2 skipped')
  assert.is(countsLine({ passed: 5, failed: 0, skipped: 0 }), '5 passed, 0 failed')
})

test.run()
