import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { openProgress, Progress, type ProgressMode } from '../../src/cli/progress.ts'
import { TextSink, testShell } from '../fixtures/cli.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'

const test = suite('progress')
const MiB = 1024 * 1024

/** Moves 10 MiB a second of 100 MiB for `seconds`, told every tenth of a second. */
async function run(style: 'line' | 'plain' | 'json' | 'none', seconds: number): Promise<string> {
  const stream = new TextSink()
  const clock = new FakeClock()
  const progress = new Progress({ stream, clock }, { style })
  for (let tenth = 0; tenth <= seconds * 10; tenth++) {
    progress.update({ label: 'pushing', done: tenth * MiB, total: 100 * MiB, detail: '3 peers' })
    await clock.advance(100)
  }
  progress.end()
  return stream.text
}

test('plain lines come every five seconds with rate and time left', async () => {
  assert.is(await run('plain', 6), 'pushing 50 % (50.0 MiB of 100 MiB), 10.0 MiB/s, 5.0 s left, 3 peers\n')
})

test('a short job says nothing in plain lines', async () => {
  assert.is(await run('plain', 4), '')
})

test('a terminal has one line that is rewritten and goes away at the end', async () => {
  const text = await run('line', 2)
  assert.not.match(text, '\n')
  assert.ok(text.endsWith('\r\x1b[K'))
  assert.ok(text.split('\r').length > 15)
})

test('json progress is one object a line', async () => {
  const events = (await run('json', 3))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  assert.is(events.length, 3)
  const { event, label, done, total, bytesPerSecond, etaSeconds } = events[2]
  assert.equal(
    { event, label, done, total },
    { event: 'progress', label: 'pushing', done: 30 * MiB, total: 100 * MiB },
  )
  assert.is(bytesPerSecond, 10 * MiB)
  assert.is(etaSeconds, 7)
})

test('none says nothing', async () => {
  assert.is(await run('none', 20), '')
})

test('a stall shows as a falling rate', async () => {
  const stream = new TextSink()
  const clock = new FakeClock()
  const progress = new Progress({ stream, clock }, { style: 'plain' })
  progress.update({ label: 'pulling', done: 0, total: undefined })
  await clock.advance(1_000)
  progress.update({ label: 'pulling', done: 100 * MiB, total: undefined })
  await clock.advance(30_000)
  progress.update({ label: 'pulling', done: 100 * MiB, total: undefined })
  assert.is(stream.text, 'pulling 100 MiB, 0 B/s\n')
})

test('auto is a line on a terminal that can do it and plain elsewhere', async () => {
  const shown = async (isTTY: boolean, env: Record<string, string>) => {
    const shell = testShell(env)
    const stderr = new TextSink({ isTTY, columns: 20 })
    const clock = new FakeClock()
    const terminal = { ...shell.terminal, stderr }
    const progress = openProgress({ ...shell, terminal, clock }, { progress: 'auto' as ProgressMode })
    await clock.advance(6_000)
    progress.update({ label: 'pushing a long way', done: 1, total: 2 })
    return stderr.text
  }
  assert.is(await shown(true, { TERM: 'xterm' }), '\rpushing a long way \x1b[K')
  assert.is(await shown(true, { TERM: 'dumb' }), 'pushing a long way 50 % (1 B of 2 B)\n')
  assert.is(await shown(false, {}), 'pushing a long way 50 % (1 B of 2 B)\n')
})

test.run()
