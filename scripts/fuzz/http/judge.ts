import { ERROR_TABLE } from '../../../src/core/errors.ts'
import type { FuzzAnswer } from './caller.ts'
import { names } from './document.ts'
import type { FuzzRequest } from './requests.ts'

/** What is wrong with an answer; undefined when nothing is. */
export function faultOf(request: FuzzRequest, answer: FuzzAnswer): string | undefined {
  const { status } = answer
  if (status === 500) return 'the server failed'
  if (status < 200 || status > 599) return `status ${status} means nothing`
  const isOwn = !request.path.includes('..') && !/%2f|%2e|\/\//i.test(request.path)
  if (isOwn && !names(request.route, status)) return `the document does not name ${status}`
  if (status < 400 || request.method === 'HEAD' || status === 416) return undefined
  return faultOfProblem(answer)
}

function faultOfProblem({ status, type, body }: FuzzAnswer): string | undefined {
  const text = body.toString()
  if (type.startsWith('application/problem+xml'))
    return text.includes('<problem') ? undefined : 'no problem in XML'
  if (!type.startsWith('application/problem+json')) return `no problem document but ${type || 'nothing'}`
  let problem: { code?: unknown; status?: unknown; detail?: unknown }
  try {
    problem = JSON.parse(text)
  } catch {
    return 'a problem document that is no JSON'
  }
  const { code, detail } = problem
  if (typeof code !== 'string' || !Object.hasOwn(ERROR_TABLE, code)) return `unknown code ${String(code)}`
  if (problem.status !== status) return 'a problem document with another status'
  if (typeof detail !== 'string' || detail === '') return 'a problem document that says nothing'
  if (/\bat .*\.ts:\d|node_modules|SQLITE|syntax error at/i.test(detail)) return `the inside shows: ${detail}`
  return undefined
}
