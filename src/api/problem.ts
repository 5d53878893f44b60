import { type Static, Type } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import {
  BootswarmError,
  BusyError,
  ERROR_TABLE,
  errorFromCode,
  httpStatusOf,
  InternalError,
  ProtocolError,
} from '../core/errors.ts'

/** Not by `import`, which reads all that the module exports: its WebSocket then loads a second HTTP client, 5 MB that stay (docs/decisions/0005). */
const { STATUS_CODES } = process.getBuiltinModule('node:http')

/** Media type of a problem document. */
export const PROBLEM_TYPE = 'application/problem+json'

/** RFC 9457 problem document; `code` and `data` are those of src/core/errors.ts. */
export const ProblemSchema = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer({ minimum: 400, maximum: 599 }),
    detail: Type.String(),
    code: Type.String(),
    data: Type.Record(Type.String(), Type.Unknown()),
  },
  { $id: 'Problem', title: 'Problem', description: 'RFC 9457 problem document' },
)

export type Problem = Static<typeof ProblemSchema>

/** What an answer says about `error`. An error that is not ours becomes E_INTERNAL and tells nothing of itself. */
export function problemOf(error: unknown): Problem {
  const known =
    error instanceof BootswarmError ? error : new InternalError('the server failed; its log says why')
  return {
    type: `urn:bootswarm:error:${known.code}`,
    title: ERROR_TABLE[known.code].meaning,
    status: httpStatusOf(known),
    detail: known.message,
    code: known.code,
    data: known.data,
  }
}

/** The error that an answer with this status and body (parsed JSON, or whatever came) stands for. */
export function errorOfProblem(status: number, body: unknown): BootswarmError {
  if (Value.Check(ProblemSchema, body)) return errorFromCode(body.code, body.detail, body.data)
  if (status === 503) return new BusyError('the server takes no requests at the moment: try again')
  return new ProtocolError(
    `answered ${status} ${STATUS_CODES[status] ?? ''} without a problem document: is this a tracker?`,
    { data: { status } },
  )
}
