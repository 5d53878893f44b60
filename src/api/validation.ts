import type { Static, TSchema } from '@sinclair/typebox'
import { type TypeCheck, TypeCompiler } from '@sinclair/typebox/compiler'
import type { FastifySchemaCompiler, FastifyTypeProvider } from 'fastify'
import { InvalidError } from '../core/errors.ts'
import { convertTexts, TextFields, type TextValue } from './text-values.ts'

/** Gives handlers the types of their schemas. */
export interface TypeBoxProvider extends FastifyTypeProvider {
  validator: this['schema'] extends TSchema ? Static<this['schema']> : unknown
  serializer: this['schema'] extends TSchema ? Static<this['schema']> : unknown
}

/**
 * Checks requests against their schemas. What came as text (path, query, form, XML) is converted to the types that the
 * schema wants; JSON is taken as it is. A body that is left out counts as an empty object. What does not fit is an
 * InvalidError, with the advice of `ruleOf` where the field has some.
 */
export const validatorCompiler: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  const check = TypeCompiler.Compile(schema)
  return (data: unknown) => {
    try {
      const value = httpPart === 'body' ? bodyValue(schema, data) : urlValue(schema, data)
      return check.Check(value) ? { value } : { error: refusal(check, value) }
    } catch (error) {
      if (error instanceof InvalidError) return { error }
      throw error
    }
  }
}

/** Says what does not fit, and the rule of the field where its schema has one. */
function refusal(check: TypeCheck<TSchema>, value: unknown): InvalidError {
  const first = check.Errors(value).First()
  const what = first === undefined ? 'wrong form' : `${first.path || '/'}: ${first.message}`.slice(0, 300)
  const advice: unknown = first?.schema['x-rule']
  const data = typeof advice === 'string' ? { advice } : {}
  return new InvalidError(`the request is malformed: ${what}`, { data })
}

function bodyValue(schema: TSchema, data: unknown): unknown {
  if (data instanceof TextFields) return convertTexts(schema, data)
  return data === undefined ? {} : data
}

/** Fastify has read the query and the path: texts, or lists of texts where a name comes several times. */
function urlValue(schema: TSchema, data: unknown): unknown {
  if (typeof data !== 'object' || data === null) return data
  const given = Object.entries(data as Record<string, TextValue | TextValue[] | undefined>)
  const entries = given.flatMap(([name, value]) =>
    [value].flat().flatMap((one): [string, TextValue][] => (one === undefined ? [] : [[name, one]])),
  )
  return convertTexts(schema, new TextFields({ entries }))
}
