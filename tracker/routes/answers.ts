import { Type } from '@sinclair/typebox'
import { ProblemSchema } from '../../src/api/problem.ts'

/** Every other answer of every route. */
export const problems = { '4xx': ProblemSchema, '5xx': ProblemSchema }

export const NoContent = Type.Null({ description: 'done' })
