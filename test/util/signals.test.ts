import { once } from 'node:events'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { onHangup } from '../../src/util/signals.ts'

const test = suite('signals')

test('a hang-up calls everybody who wants to know, through one listener', async () => {
  const called: number[] = []
  const stops = Array.from({ length: 20 }, (_, i) => onHangup(() => void called.push(i)))
  assert.is(process.listenerCount('SIGHUP'), 1)
  stops[0]?.()
  // A signal that is waited for keeps no process alive.
  const awake = setInterval(() => {}, 1000)
  const heard = once(process, 'SIGHUP')
  process.kill(process.pid, 'SIGHUP')
  await heard
  clearInterval(awake)
  assert.equal(
    called,
    Array.from({ length: 19 }, (_, i) => i + 1),
  )
  for (const stop of stops) stop()
  assert.is(process.listenerCount('SIGHUP'), 0)
})

test.run()
