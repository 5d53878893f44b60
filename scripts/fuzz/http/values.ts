import fc, { type Arbitrary } from 'fast-check'
import type { Document, Schema } from './document.ts'

/** Texts that have broken something somewhere. */
const HOSTILE = [
  '',
  ' ',
  '.',
  '..',
  '../../etc/passwd',
  '%2e%2e%2f',
  '\u0000',
  'a\u0000b',
  '\r\nX-Injected: 1',
  "' or 1=1 --",
  '"; drop table users; --',
  '$(id)',
  '{{7*7}}',
  '<script>',
  '__proto__',
  'constructor',
  'hasOwnProperty',
  '__hypervisor__',
  'raw',
  '\ud800',
  '\u202e',
  'ＡＤＭＩＮ',
  'é',
  'e\u0301',
  'true',
  'null',
  'NaN',
  '-1',
  '1e309',
  '9007199254740993',
  '*',
  '%',
  '_',
  'f~/(a+)+$/',
  '* where name~/((((a*)*)*)*)b/',
  'x'.repeat(129),
  'x'.repeat(5000),
  'x'.repeat(100_000),
]
const NUMBERS = [0, -0, -1, 1, 0.5, 2 ** 31, 2 ** 32, 2 ** 53, -(2 ** 63), 1e308, 1e-300]

export const hostileText: Arbitrary<string> = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...HOSTILE) },
  { weight: 1, arbitrary: fc.string({ maxLength: 40, unit: 'binary' }) },
)

export const hostileValue: Arbitrary<unknown> = fc.oneof(
  hostileText,
  fc.constantFrom<unknown>(...NUMBERS, true, false, null, [], {}, [[]], { a: { b: [1] } }),
  fc.array(hostileText, { maxLength: 5 }),
  fc.jsonValue({ maxDepth: 3 }),
)

/** Makes values that a schema allows, more or less: patterns that cannot be followed are answered with names that exist. */
export class Values {
  readonly #document: Document
  readonly #known: readonly string[]

  /** @param init `known`: names of what is there, so that requests find something. */
  constructor(document: Document, init: { known: readonly string[] }) {
    this.#document = document
    this.#known = init.known
  }

  of(schema: Schema | undefined, depth = 0): Arbitrary<unknown> {
    if (schema === undefined || depth > 6) return fc.constant(null)
    if (schema.$ref !== undefined) return this.of(this.#resolve(schema.$ref), depth + 1)
    if (schema.const !== undefined) return fc.constant(schema.const)
    if (schema.enum !== undefined) return fc.constantFrom(...schema.enum)
    const choices = schema.anyOf ?? schema.oneOf
    if (choices !== undefined) return fc.oneof(...choices.map((choice) => this.of(choice, depth + 1)))
    return this.#ofType(schema, depth)
  }

  text(schema: Schema): Arbitrary<string> {
    const { minLength = 0, maxLength = 40, pattern } = schema
    const known = this.#known.filter((name) => pattern === undefined || new RegExp(pattern).test(name))
    const free = fc.string({ minLength, maxLength: Math.min(maxLength, Math.max(minLength, 40)) })
    const made = pattern === undefined ? free : following(pattern, free)
    return known.length === 0
      ? made
      : fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...known) }, { weight: 1, arbitrary: made })
  }

  #ofType(schema: Schema, depth: number): Arbitrary<unknown> {
    const type = typeof schema.type === 'string' ? schema.type : schema.type?.[0]
    const { minimum = -1000, maximum = 1_000_000 } = schema
    switch (type) {
      case 'string':
        return this.text(schema)
      case 'integer':
        return fc.integer({ min: Math.ceil(minimum), max: Math.min(Math.floor(maximum), 2 ** 31 - 1) })
      case 'number':
        return fc.double({ min: minimum, max: maximum, noNaN: true })
      case 'boolean':
        return fc.boolean()
      case 'array':
        return fc.array(this.of(schema.items, depth + 1), {
          minLength: schema.minItems ?? 0,
          maxLength: Math.min(schema.maxItems ?? 3, 3),
        })
      case 'object':
        return this.#object(schema, depth)
      default:
        return fc.constant(null)
    }
  }

  #object(
    { properties = {}, required = [], additionalProperties }: Schema,
    depth: number,
  ): Arbitrary<object> {
    const model = Object.fromEntries(
      Object.entries(properties).map(([name, schema]) => [name, this.of(schema, depth + 1)]),
    )
    const own = fc.record(model, { requiredKeys: required.filter((name) => name in model) })
    if (typeof additionalProperties !== 'object') return own
    const more = fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), this.of(additionalProperties, depth + 1), {
      maxKeys: 2,
    })
    return fc.tuple(own, more).map(([a, b]) => ({ ...b, ...a }))
  }

  #resolve(reference: string): Schema | undefined {
    return this.#document.components?.schemas?.[reference.split('/').at(-1) ?? '']
  }
}

/** Texts that match a pattern; fast-check knows no look-ahead, which ours have for names of dots alone. */
function following(pattern: string, otherwise: Arbitrary<string>): Arbitrary<string> {
  try {
    return fc.stringMatching(new RegExp(pattern.replaceAll(/\(\?![^)]*\)/g, '')), { size: 'small' })
  } catch {
    return otherwise
  }
}
