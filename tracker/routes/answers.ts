import { Type } from '@sinclair/typebox'
import { PROBLEM_TYPE, ProblemSchema } from '../../src/api/problem.ts'

/** Registered with the application under its name, so that the OpenAPI document has it once. */
export const SHARED_SCHEMAS = [ProblemSchema]

const problem = {
  description: 'what went wrong',
  content: { [PROBLEM_TYPE]: { schema: Type.Ref(`${ProblemSchema.$id}#`) } },
}

/** Every other answer of every route. */
export const problems = { '4xx': problem, '5xx': problem }

/** For answers that are no JSON. */
export const PlainText = {
  description: 'plain text',
  content: { 'text/plain': { schema: Type.String() } },
}

export const Octets = {
  description: 'bytes',
  content: {
    'application/octet-stream': { schema: Type.Unsafe<Uint8Array>({ type: 'string', format: 'binary' }) },
  },
}

export const NoContent = Type.Null({ description: 'done' })
/** What Repoman's routes answer where there is nothing to say: 200 with `Content-Length: 0`, sent with `reply.send()`. */
export const Empty = NoContent
