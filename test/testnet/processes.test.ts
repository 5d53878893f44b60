import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  isAlive,
  processRef,
  residentMemory,
  signalGroup,
  stopProcess,
  waitForEnd,
} from '../../testnet/processes.ts'

const test = suite('testnet processes')

async function start(code: string) {
  const child = spawn(process.execPath, ['-e', code], {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [said] = (await once(child.stdout, 'data')) as [Buffer]
  assert.ok(child.pid !== undefined)
  return { ref: processRef(child.pid), said: said.toString() }
}

const SAY = "process.stdout.write('x');"

test('stops a process that ends by itself', async () => {
  const { ref } = await start(`${SAY} setInterval(() => {}, 1000)`)
  assert.ok(isAlive(ref))
  assert.ok((residentMemory(ref.pid)?.bytes ?? Number.POSITIVE_INFINITY) > 1e6)
  assert.is(await stopProcess(ref, 5000), true)
  assert.not(isAlive(ref))
})

test('kills a process that ignores SIGTERM', async () => {
  const { ref } = await start(`process.on('SIGTERM', () => {}); ${SAY} setInterval(() => {}, 1000)`)
  assert.is(await stopProcess(ref, 200), false)
  assert.not(isAlive(ref))
})

test('ends the children of a process with it', async () => {
  const { ref, said } = await start(
    `require('child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' })
     .on('spawn', function () { process.stdout.write(String(this.pid)) }); setInterval(() => {}, 1000)`,
  )
  signalGroup(ref, 'SIGKILL')
  assert.ok(await waitForEnd(ref, 5000))
  assert.ok(await waitForEnd({ pid: Number(said) }, 5000))
})

test('does not take another process under the same id for the one that it knew', async () => {
  const ref = processRef(process.pid)
  if (ref.startTicks === undefined) return
  assert.ok(isAlive(ref))
  const other = { pid: process.pid, startTicks: ref.startTicks + 1 }
  assert.not(isAlive(other))
  signalGroup(other, 'SIGKILL')
})

test.run()
