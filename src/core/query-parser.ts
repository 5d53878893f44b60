import { InvalidError } from './errors.ts'
import { compilePattern } from './pattern.ts'
import type { Condition, Order, Query, ShownField } from './query.ts'
import {
  COMPARISONS,
  type Comparison,
  checkMatched,
  checkSorted,
  comparison,
  queryField,
} from './query-conditions.ts'
import {
  LIST_ROWS_MAX,
  QUERY_CHARS_MAX,
  QUERY_CONDITIONS_MAX,
  QUERY_FIELDS_MAX,
  QUERY_OFFSET_MAX,
  QUERY_PATTERNS_MAX,
} from './registry-limits.ts'

/** Reads a query. Throws InvalidError with the place (data: `position`, from 0) when it is none. */
export function parseQuery(text: string): Query {
  if (text.length > QUERY_CHARS_MAX)
    throw new InvalidError(`a query has at most ${QUERY_CHARS_MAX} characters`)
  if (text.includes('\0') || !text.isWellFormed())
    throw new InvalidError('a query has no null characters and no half characters')
  return new QueryParser(text).query()
}

/** Words that end what stands before them. */
const CLAUSES = ['where', 'order', 'limit', 'offset'] as const
const NAME = /[a-zA-Z_][a-zA-Z0-9_.:-]*/y
/** A word ends where no other character of a name follows. */
const WORD_END = /(?![a-zA-Z0-9_.:-])/y
const OPERATOR = /!~|~|!=|<=|>=|=|<|>/y
const QUOTED = /'((?:[^']|'')*)'|"((?:[^"]|"")*)"/y
const BARE = /[^\s,'"=<>~!][^\s,'"]*/y
const PATTERN = /\/((?:[^/\\]|\\[\s\S])*)\/([a-zA-Z]*)/y
const NUMBER = /\d{1,15}(?![^\s])/y

class QueryParser {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
    this.#skip()
  }

  query(): Query {
    const fields = this.#fields()
    const where = this.#word('where') ? this.#conditions() : []
    const order = this.#word('order') ? this.#order() : undefined
    const limit = this.#word('limit') ? this.#number(1, LIST_ROWS_MAX) : undefined
    const offset = this.#word('offset') ? this.#number(0, QUERY_OFFSET_MAX) : undefined
    if (this.#at === this.#text.length) return { fields, where, order, limit, offset }
    throw this.#wrong(
      where.length > 0
        ? 'expected , or and, or order by, limit, offset'
        : 'expected where, order by, limit or offset',
    )
  }

  #fields(): ShownField[] | undefined {
    if (this.#at === this.#text.length || CLAUSES.some((word) => this.#sees(word))) return undefined
    if (this.#take('*')) return undefined
    const fields: ShownField[] = []
    do {
      const at = this.#at
      const name = this.#name()
      fields.push({ ...this.#placed(at, () => queryField(name)), as: name })
      if (fields.length > QUERY_FIELDS_MAX)
        throw this.#wrong(`a query shows at most ${QUERY_FIELDS_MAX} fields`, at)
      if (fields.findIndex(({ as }) => as === name) < fields.length - 1)
        throw this.#wrong(`${name} stands here twice`, at)
    } while (this.#take(','))
    return fields
  }

  #conditions(): Condition[] {
    const conditions: Condition[] = []
    do {
      const at = this.#at
      conditions.push(this.#condition())
      if (conditions.length > QUERY_CONDITIONS_MAX)
        throw this.#wrong(`a query has at most ${QUERY_CONDITIONS_MAX} conditions`, at)
      if (conditions.filter(({ test }) => test === 'matches').length > QUERY_PATTERNS_MAX)
        throw this.#wrong(`a query has at most ${QUERY_PATTERNS_MAX} regular expressions`, at)
    } while (this.#take(',') || this.#word('and'))
    return conditions
  }

  #condition(): Condition {
    const at = this.#at
    const name = this.#name()
    const field = this.#placed(at, () => queryField(name))
    const operator = this.#match(OPERATOR)?.[0]
    if (operator === undefined) throw this.#wrong('expected = != < <= > >= ~ or !~')
    const known = COMPARISONS.find((one) => one === operator)
    if (known !== undefined) return this.#comparison(field, name, known)
    const valueAt = this.#at
    const [, source, flags = ''] = this.#match(PATTERN) ?? []
    if (source === undefined)
      throw this.#wrong('expected a regular expression between slashes, such as /^debian/ or /kvm/i')
    if (flags !== '' && flags !== 'i')
      throw this.#wrong('after a regular expression there may be an i', valueAt)
    const pattern = this.#placed(valueAt, () => {
      checkMatched(field, name)
      return compilePattern(source.replaceAll('\\/', '/'), { ignoreCase: flags === 'i' })
    })
    return { field, test: 'matches', negated: operator === '!~', pattern }
  }

  #comparison(field: Condition['field'], name: string, operator: Comparison): Condition {
    const at = this.#at
    const text = this.#value()
    return this.#placed(at, () => comparison(field, name, { operator, text }))
  }

  #value(): string {
    const quoted = this.#match(QUOTED)
    if (quoted !== undefined)
      return quoted[1]?.replaceAll("''", "'") ?? quoted[2]?.replaceAll('""', '"') ?? ''
    if (/['"]/.test(this.#text[this.#at] ?? '')) throw this.#wrong('this quote is not closed')
    const bare = this.#match(BARE)
    if (bare === undefined) throw this.#wrong(`expected a value; '' is the empty one`)
    return bare[0]
  }

  #order(): Order {
    if (!this.#word('by')) throw this.#wrong('expected by')
    const at = this.#at
    const name = this.#name()
    const field = this.#placed(at, () => {
      const found = queryField(name)
      checkSorted(found, name)
      return found
    })
    const descending = this.#word('desc')
    if (!descending) this.#word('asc')
    return { field, descending }
  }

  #number(min: number, max: number): number {
    const at = this.#at
    const number = Number(this.#match(NUMBER)?.[0] ?? Number.NaN)
    if (number >= min && number <= max) return number
    throw this.#wrong(`expected a number from ${min} to ${max}`, at)
  }

  #name(): string {
    const name = this.#match(NAME)?.[0]
    if (name === undefined) throw this.#wrong('expected the name of a field')
    return name
  }

  /** Goes over a word of the language. */
  #word(word: string): boolean {
    if (!this.#sees(word)) return false
    this.#at += word.length
    this.#skip()
    return true
  }

  #sees(word: string): boolean {
    const end = this.#at + word.length
    WORD_END.lastIndex = end
    return this.#text.slice(this.#at, end).toLowerCase() === word && WORD_END.test(this.#text)
  }

  #take(sign: string): boolean {
    if (!this.#text.startsWith(sign, this.#at)) return false
    this.#at += sign.length
    this.#skip()
    return true
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at
    const match = pattern.exec(this.#text)
    if (match === null) return undefined
    this.#at = pattern.lastIndex
    this.#skip()
    return match
  }

  #skip(): void {
    while (/\s/.test(this.#text[this.#at] ?? '')) this.#at++
  }

  /** Errors of `read` with the place that they speak of. */
  #placed<T>(at: number, read: () => T): T {
    try {
      return read()
    } catch (error) {
      throw error instanceof InvalidError ? this.#wrong(error.message, at) : error
    }
  }

  #wrong(what: string, at = this.#at): InvalidError {
    const place =
      at >= this.#text.length ? 'its end' : `character ${at + 1} ("${this.#text.slice(at, at + 20)}")`
    return new InvalidError(`the query at ${place}: ${what}`, { data: { position: at } })
  }
}
