import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { logTail, startDaemon } from '../../testnet/daemon.ts'
import { isAlive, type ProcessRef } from '../../testnet/processes.ts'
import { failureOf } from '../fixtures/failure.ts'

const test = suite<{ dir: string }>('testnet daemon')

test.before.each(async (context) => {
  context.dir = await mkdtemp(join(tmpdir(), 'bs-daemon-'))
})
test.after.each(({ dir }) => rm(dir, { recursive: true, force: true }))

test('shows the end of the log of a daemon that dies before it is ready', async ({ dir }) => {
  const config = join(dir, 'tracker.yaml')
  await writeFile(config, 'dataDir: x\n')
  let spawned: ProcessRef | undefined
  const onSpawn = (ref: ProcessRef) => {
    spawned = ref
  }
  const init = { name: 'tracker', args: ['tracker', 'serve', '--config', config], logPath: join(dir, 'log') }
  const error = await failureOf(startDaemon(init, { onSpawn }))
  assert.is(error.code, 'E_STATE')
  assert.match(error.message, /^tracker ended before it was ready \(exit 2\)/)
  assert.match(error.message, /identity/)
  assert.ok(spawned !== undefined && !isAlive(spawned))
})

test('does not start when it was stopped before', async ({ dir }) => {
  const init = { name: 'tracker', args: ['--version'], logPath: join(dir, 'log') }
  assert.is((await failureOf(startDaemon(init, { signal: AbortSignal.abort() }))).code, 'E_ABORTED')
})

test('says nothing of a log that is empty or not there', async ({ dir }) => {
  assert.is(logTail(join(dir, 'no')), '')
  await writeFile(join(dir, 'empty'), '')
  assert.is(logTail(join(dir, 'empty')), '')
})

test.run()
