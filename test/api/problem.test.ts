import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { errorOfProblem, problemOf } from '../../src/api/problem.ts'
import { ERROR_TABLE, type ErrorCode, errorFromCode } from '../../src/core/errors.ts'

const test = suite('problem documents')

test('carry every error there and back', () => {
  for (const code of Object.keys(ERROR_TABLE) as ErrorCode[]) {
    const error = errorFromCode(code, 'what happened', { limit: 3 })
    const problem = problemOf(error)
    assert.is(problem.status, ERROR_TABLE[code].http)
    const back = errorOfProblem(problem.status, JSON.parse(JSON.stringify(problem)))
    assert.is(back.code, code)
    assert.is(back.name, error.name)
    assert.is(back.message, 'what happened')
    assert.equal(back.data, { limit: 3 })
  }
})

test('tell nothing of errors that are not ours', () => {
  const problem = problemOf(new TypeError('password is hunter2'))
  assert.is(problem.code, 'E_INTERNAL')
  assert.is(problem.status, 500)
  assert.not.match(JSON.stringify(problem), /hunter2/)
  assert.is(problemOf('thrown text').code, 'E_INTERNAL')
})

test('anything else than a problem document is a protocol error', () => {
  for (const body of [undefined, null, '<html>', { status: 'x' }, []]) {
    assert.is(errorOfProblem(502, body).code, 'E_PROTOCOL')
  }
})

test('an overloaded proxy that answers 503 by itself means busy', () => {
  assert.is(errorOfProblem(503, undefined).code, 'E_BUSY')
})

test.run()
