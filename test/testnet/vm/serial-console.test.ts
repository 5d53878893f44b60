import { PassThrough } from 'node:stream'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { SerialConsole } from '../../../testnet/vm/serial-console.ts'
import { failureOf } from '../../fixtures/failure.ts'

const test = suite('serial console')

/** A guest whose answers a test writes. */
function consoleOf(): { serial: SerialConsole; guest: PassThrough; typed: PassThrough } {
  const guest = new PassThrough()
  const typed = new PassThrough()
  return { serial: new SerialConsole({ output: guest, input: typed }), guest, typed }
}

test('finds what comes in pieces, and goes on behind it', async () => {
  const { serial, guest } = consoleOf()
  const first = serial.expect(/login: /, 5_000)
  guest.write('Debian GNU/Linux\r\n\r\nguest log')
  guest.write('in: and more')
  await first
  await serial.expect(/^and more/, 5_000)
})

test('gives what a command prints', async () => {
  const { serial, guest, typed } = consoleOf()
  const running = serial.run('uname')
  typed.once('data', () => guest.write('Linux\r\n=end-1=0\r\n'))
  assert.is(await running, 'Linux\n')
})

test('says so when a command fails', async () => {
  const { serial, guest } = consoleOf()
  const running = failureOf(serial.run('false'))
  guest.write('=end-1=1\r\n')
  assert.match((await running).message, /"false" failed in the guest/)
})

test('shows the end of the console when nothing comes in time, or the guest ends', async () => {
  const { serial, guest } = consoleOf()
  guest.write('\u001b[0;32m  OK  \u001b[0m Kernel panic')
  const late = await failureOf(serial.expect(/login: /, 20))
  assert.is(late.code, 'E_TIMEOUT')
  assert.match(late.message, /OK {3}Kernel panic$/)
  const waiting = failureOf(serial.expect(/login: /, 60_000))
  serial.end('QEMU has ended (exit 1)')
  assert.match((await waiting).message, /^QEMU has ended \(exit 1\)/)
})

test.run()
