import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { faultOf } from '../../../scripts/fuzz/http/judge.ts'
import type { FuzzRequest } from '../../../scripts/fuzz/http/requests.ts'
import { problemOf } from '../../../src/api/problem.ts'
import { InternalError, NotFoundError } from '../../../src/core/errors.ts'

const test = suite('judgement of answers')

const route = {
  ...{ method: 'GET', path: '/api/users/{user}', pathParameters: [], query: [], body: undefined },
  statuses: ['200', '4XX', '5XX'],
}
const request: FuzzRequest = {
  ...{ route, method: 'GET', path: '/api/users/a', headers: [], body: undefined, cutAt: undefined },
}
const answer = (status: number, body: unknown, type = 'application/problem+json') => ({
  ...{ status, type, body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)) },
})
const missing = problemOf(new NotFoundError('there is no user a'))

test('finds nothing wrong with what the document says', () => {
  assert.is(faultOf(request, answer(200, '{}', 'application/json')), undefined)
  assert.is(faultOf(request, answer(404, missing)), undefined)
})

test('finds failures, unknown statuses and codes, and problems that are none', () => {
  const faults = [
    [answer(500, problemOf(new InternalError('x'))), /failed/],
    [answer(204, ''), /does not name 204/],
    [answer(302, ''), /does not name 302/],
    [answer(404, '<html>', 'text/html'), /text\/html/],
    [answer(404, '{'), /no JSON/],
    [answer(404, { ...missing, code: 'E_MADE_UP' }), /E_MADE_UP/],
    [answer(404, { ...missing, code: 'constructor' }), /constructor/],
    [answer(400, missing), /another status/],
    [answer(404, { ...missing, detail: '' }), /says nothing/],
    [answer(404, { ...missing, detail: 'SQLITE_ERROR: no such column' }), /inside/],
  ] as const
  for (const [one, fault] of faults) assert.match(faultOf(request, one) ?? 'nothing', fault)
})

test.run()
