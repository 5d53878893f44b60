import type { Static, TSchema } from '@sinclair/typebox'
import { type TypeCheck, TypeCompiler } from '@sinclair/typebox/compiler'
import type { FastifySchemaCompiler, FastifyTypeProvider } from 'fastify'

/** Gives handlers the types of their schemas. */
export interface TypeBoxProvider extends FastifyTypeProvider {
  validator: this['schema'] extends TSchema ? Static<this['schema']> : unknown
  serializer: this['schema'] extends TSchema ? Static<this['schema']> : unknown
}

/** Checks requests against their schemas and changes nothing in them, except that digits in a path or query become numbers. */
export const validatorCompiler: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  const check = TypeCompiler.Compile(schema)
  return (data: unknown) => {
    const value = httpPart === 'body' ? data : withNumbers(schema, data)
    return check.Check(value) ? { value } : { error: new Error(describe(check, value)) }
  }
}

function describe(check: TypeCheck<TSchema>, value: unknown): string {
  const first = check.Errors(value).First()
  return first === undefined ? 'wrong form' : `${first.path || '/'}: ${first.message}`.slice(0, 300)
}

function withNumbers(schema: TSchema, data: unknown): unknown {
  if (typeof data !== 'object' || data === null) return data
  const integers = (name: string) => schema['properties']?.[name]?.type === 'integer'
  const convert = ([name, value]: [string, unknown]) => {
    const digits = typeof value === 'string' && /^(0|[1-9][0-9]{0,14})$/.test(value)
    return [name, digits && integers(name) ? Number(value) : value]
  }
  return Object.fromEntries(Object.entries(data).map(convert))
}
