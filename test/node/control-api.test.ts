import { Registry } from 'prom-client'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { buildControlApi, type ControlComponents } from '../../node/control-api.ts'
import { NODE_PATHS } from '../../src/api/node-paths.ts'
import { UnreachableError } from '../../src/core/errors.ts'
import { recordingLog } from '../fixtures/recording-log.ts'

const test = suite('control api')

/** Answers to a pull and a verification that both fail with `error`, and what the log was told. */
async function failing(error: Error) {
  const { log, lines } = recordingLog()
  const fails = async () => Promise.reject(error)
  const fakes = { puller: { start: fails }, maintenance: { verify: fails }, metrics: new Registry(), log }
  const app = buildControlApi(fakes as unknown as ControlComponents)
  const pull = await app.inject({
    method: 'POST',
    url: NODE_PATHS.pulls,
    payload: { reference: 'site/disk' },
  })
  const verify = await app.inject({ method: 'POST', url: NODE_PATHS.verify })
  await app.close()
  return { pull, verify, lines }
}

test('a tracker that is away is a warning without a stack', async () => {
  const { pull, verify, lines } = await failing(new UnreachableError('the tracker does not answer'))
  assert.is(pull.statusCode, 502)
  assert.match(verify.body, 'E_UNREACHABLE')
  const told = { code: 'E_UNREACHABLE', err: 'the tracker does not answer' }
  assert.equal(lines, [
    { level: 'warn', data: told, message: 'a control request failed' },
    { level: 'warn', data: told, message: 'a control request failed' },
  ])
})

test('what nobody expected is an error with its stack in the log, and not in the answer', async () => {
  const defect = new TypeError('x is not a function')
  const { pull, verify, lines } = await failing(defect)
  for (const { body } of [pull, verify]) {
    assert.match(body, 'E_INTERNAL')
    assert.not.match(body, 'not a function')
  }
  assert.equal(
    lines.map(({ level }) => level),
    ['error', 'error'],
  )
  for (const { data } of lines) assert.is((data as { err: unknown }).err, defect)
})

test.run()
