import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const test = suite('daemon')
const PROGRAM = fileURLToPath(new URL('../fixtures/daemon-process.ts', import.meta.url))

interface Ended {
  code: unknown
  stdout: string
  stderr: string
}

function run(how: string): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, [PROGRAM, how], (error, stdout, stderr) =>
      resolve({ code: error?.code ?? 0, stdout, stderr }),
    )
  })
}

function fatalLines(stderr: string) {
  const lines = stderr.split('\n').filter((line) => line.startsWith('{'))
  return lines.map((line) => JSON.parse(line)).filter(({ level }) => level === 60)
}

test('ends with 0 when it is asked to', async () => {
  const { code, stdout, stderr } = await run('signal')
  assert.equal({ code, stdout, stderr }, { code: 0, stdout: 'ready\nstopped\n', stderr: '' })
})

for (const how of ['reject', 'throw']) {
  test(`logs an error that nobody caught (${how}), stops in order and ends with 1`, async () => {
    const { code, stdout, stderr } = await run(how)
    assert.is(code, 1, stderr)
    assert.is(stdout, 'ready\nstopped\n')
    const [line, ...more] = fatalLines(stderr)
    assert.is(more.length, 0)
    assert.match(line.err.stack, /TypeError: nobody waits for this\n +at/)
  })
}

test('ends with 1 when stopping fails too, or starting never ends', async () => {
  const [stopping, starting] = await Promise.all([run('stop'), run('start')])
  assert.is(stopping.code, 1, stopping.stderr)
  assert.match(stopping.stderr, 'nor for this')
  assert.is(starting.code, 1, starting.stderr)
  assert.is(starting.stdout, '')
  assert.is(fatalLines(starting.stderr).length, 1)
})

test.run()
