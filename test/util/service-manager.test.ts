import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ServiceManager } from '../../src/util/service-manager.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'
import { listenForNotices } from '../fixtures/notify-listener.ts'
import { missingPrograms, testsThatNeed } from '../fixtures/programs.ts'
import { recordingLog } from '../fixtures/recording-log.ts'
import { withScratch } from '../fixtures/scratch.ts'

const test = suite('service manager')
const withSystemd = testsThatNeed(test, missingPrograms('systemd-notify', 'python3'))
const PROGRAM = fileURLToPath(new URL('../fixtures/daemon-process.ts', import.meta.url))

function withListener(
  use: (listener: Awaited<ReturnType<typeof listenForNotices>>, path: string) => Promise<void>,
) {
  return withScratch(async (dir) => {
    const path = join(dir, 'notify')
    const listener = await listenForNotices(path)
    try {
      await use(listener, path)
    } finally {
      await listener.stop()
    }
  })
}

withSystemd('a daemon tells that it is ready, that it lives, and that it stops', () =>
  withListener(async ({ notices, until }, path) => {
    const env = { ...process.env, NOTIFY_SOCKET: path, WATCHDOG_USEC: '100000' }
    const child = spawn(process.execPath, [PROGRAM, 'run'], { env, stdio: 'ignore' })
    const ended = once(child, 'close')
    await until((all) => all.filter((notice) => notice === 'WATCHDOG=1').length >= 2)
    child.kill('SIGTERM')
    assert.equal(await ended, [0, null])
    await until((all) => all.includes('STOPPING=1'))
    assert.is(notices[0], 'READY=1\nSTATUS=it runs')
    assert.is(notices.at(-1), 'STOPPING=1')
    assert.equal([...new Set(notices.slice(1, -1))], ['WATCHDOG=1'])
  }),
)

withSystemd('the watchdog of another process is not answered', () =>
  withListener(async ({ notices, until }, path) => {
    const clock = new FakeClock()
    const { log } = recordingLog()
    const env = { NOTIFY_SOCKET: path, WATCHDOG_USEC: '60000000', WATCHDOG_PID: '1' }
    const manager = new ServiceManager({ log, clock }, { env, pid: 2 })
    manager.ready('x')
    assert.is(clock.pending, 0)
    await manager.told()
    await until((all) => all.length > 0)
    assert.equal(notices, ['READY=1\nSTATUS=x'])
  }),
)

test('nothing runs where nobody listens', async () => {
  const { log, lines } = recordingLog()
  const manager = new ServiceManager({ log, clock: new FakeClock() }, { env: {} })
  manager.ready('x')
  manager.stopping()
  await manager.told()
  assert.equal(lines, [])
})

withSystemd('a socket that is gone is complained of once', () =>
  withScratch(async (dir) => {
    const { log, lines } = recordingLog()
    const env = { NOTIFY_SOCKET: join(dir, 'nobody') }
    const manager = new ServiceManager({ log, clock: new FakeClock() }, { env })
    manager.ready('x')
    manager.stopping()
    await manager.told()
    assert.is(lines.length, 1)
  }),
)

test.run()
