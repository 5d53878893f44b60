import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { TamperedError } from '../../../src/core/errors.ts'
import { TamperAlarm } from '../../../tracker/acl/alarm.ts'
import { recordingLog } from '../../fixtures/recording-log.ts'

const test = suite('tamper alarm')

test('counts and logs each time, and writes each finding down once', () => {
  const { log, lines } = recordingLog()
  let count = 0
  const alarm = new TamperAlarm({ log, metrics: { tampered: { inc: () => count++ } } })
  const raise = (target: string, message: string) =>
    alarm.raise(new TamperedError(message, { data: { target } }))
  raise('a', 'before there is an audit log')
  const written: unknown[] = []
  alarm.writeTo({
    write: ({ action, result, target, code, detail }) => written.push([action, result, target, code, detail]),
  })
  raise('a', 'edited')
  raise('a', 'edited')
  raise('b', 'edited')
  raise('a', 'removed')
  assert.is(count, 5)
  assert.is(lines.length, 5)
  const line = (target: string, detail: string) => [
    'chain.tampered',
    'failed',
    { target },
    'E_TAMPERED',
    detail,
  ]
  assert.equal(written, [line('a', 'edited'), line('b', 'edited'), line('a', 'removed')])
})

test.run()
