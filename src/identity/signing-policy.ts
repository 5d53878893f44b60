import { CertificateError } from '../core/errors.ts'
import { SIGNING_POLICY_BYTES_MAX } from '../core/limits.ts'
import type { Name } from './distinguished-name.ts'
import { onelineForm, onelineText } from './distinguished-name.ts'

/** Which names an authority may sign: patterns in which `*` stands for any text and `?` for any one character, in either case. */
interface Entry {
  /** Names of authorities as OpenSSL prints them in one line. */
  readonly authorities: readonly string[]
  readonly subjects: readonly string[]
}

/**
 * A `.signing_policy` file as Globus and IGTF write it, in the language of Extended Access Control Lists:
 *
 *     access_id_CA   X509    '/DC=org/CN=Example CA'
 *     pos_rights     globus  CA:sign
 *     cond_subjects  globus  '"/DC=org/DC=example/*" "/DC=org/CN=host/*"'
 *
 * Only rights to sign are read; anything else in the file makes it unusable, so that nobody relies on what is not enforced.
 */
export class SigningPolicy {
  /** Where it is from, for messages. */
  readonly source: string
  readonly #entries: readonly Entry[]

  private constructor(source: string, entries: readonly Entry[]) {
    this.source = source
    this.#entries = entries
  }

  /** Throws CertificateError that names `source` and the line. */
  static parse(text: string, source: string): SigningPolicy {
    if (Buffer.byteLength(text) > SIGNING_POLICY_BYTES_MAX) {
      throw new CertificateError(`signing policy ${source} has more than ${SIGNING_POLICY_BYTES_MAX} bytes`)
    }
    return new SigningPolicy(source, new Parser(text, source).entries())
  }

  /** Names of the authorities that the file speaks of, as `onelineForm` writes them. */
  get authorities(): ReadonlySet<string> {
    return new Set(this.#entries.flatMap(({ authorities }) => authorities))
  }

  /** Whether this authority may sign this subject. */
  allows(authority: Name, subject: Name): boolean {
    const [name, text] = [onelineForm(authority), onelineForm(subject).toLowerCase()]
    const own = this.#entries.filter(({ authorities }) => authorities.includes(name))
    return own.some(({ subjects }) => subjects.some((pattern) => matches(pattern, text)))
  }
}

interface Token {
  readonly text: string
  readonly line: number
}

/** Each statement is a keyword, its authority ("X509", "globus") and a value. */
class Parser {
  readonly #tokens: readonly Token[]
  readonly #source: string
  #at = 0

  constructor(text: string, source: string) {
    this.#source = source
    this.#tokens = text.split(/\r?\n/).flatMap((line, i) => this.#tokensOf(line, i + 1))
  }

  entries(): Entry[] {
    const entries: Entry[] = []
    while (this.#peek() !== undefined) entries.push(...this.#entry())
    return entries
  }

  /** access_id_CA, once or more, then rights with their conditions, once or more. */
  #entry(): Entry[] {
    const authorities: string[] = []
    while (this.#peek() === 'access_id_CA') authorities.push(onelineText(this.#statement('x509')))
    if (authorities.length === 0) throw this.#unexpected('access_id_CA')
    const entries: Entry[] = []
    while (this.#peek() === 'pos_rights') entries.push({ authorities, subjects: this.#rights() })
    if (entries.length === 0) throw this.#unexpected('pos_rights')
    return entries
  }

  #rights(): string[] {
    if (this.#statement('globus') !== 'CA:sign') throw this.#wrong('the only right that is known is CA:sign')
    const subjects: string[] = []
    while (this.#peek() === 'cond_subjects') subjects.push(...patternsOf(this.#statement('globus')))
    if (subjects.length === 0) throw this.#unexpected('cond_subjects')
    return subjects
  }

  /** Value of the next statement, whose second word must be `authority` in any case. */
  #statement(authority: string): string {
    const [, second, value] = this.#tokens.slice(this.#at, this.#at + 3)
    this.#at += 3
    if (second?.text.toLowerCase() !== authority) throw this.#wrong(`the second word must be ${authority}`)
    if (value === undefined) throw this.#wrong('a value is missing')
    return value.text
  }

  #peek(): string | undefined {
    return this.#tokens[this.#at]?.text
  }

  #unexpected(wanted: string): CertificateError {
    const found = this.#peek()
    this.#at += 1
    return this.#wrong(
      `${wanted} is expected, not ${found === undefined ? 'the end' : JSON.stringify(found.slice(0, 60))}`,
    )
  }

  #wrong(what: string): CertificateError {
    const line = this.#tokens[Math.min(this.#at, this.#tokens.length) - 1]?.line ?? 1
    return unusable(this.#source, line, what)
  }

  #tokensOf(line: string, number: number): Token[] {
    const tokens: Token[] = []
    let rest = line.trimStart()
    while (rest !== '' && !rest.startsWith('#')) {
      const quote = rest[0]
      const isQuoted = quote === "'" || quote === '"'
      const end = isQuoted ? rest.indexOf(quote, 1) : rest.search(/\s|$/)
      if (end === -1) throw unusable(this.#source, number, `a ${quote} is not closed`)
      tokens.push({ text: rest.slice(isQuoted ? 1 : 0, end), line: number })
      rest = rest.slice(isQuoted ? end + 1 : end).trimStart()
    }
    return tokens
  }
}

function unusable(source: string, line: number, what: string): CertificateError {
  return new CertificateError(`signing policy ${source}, line ${line}: ${what}`, {
    data: { reason: 'signing-policy' },
  })
}

/** Several patterns stand in double quotes inside the value; one alone needs none. */
function patternsOf(value: string): string[] {
  const quoted = [...value.matchAll(/"([^"]*)"/g)].map(([, pattern = '']) => pattern)
  const patterns = quoted.length > 0 ? quoted : [value.trim()]
  return patterns.filter((pattern) => pattern !== '').map((pattern) => onelineText(pattern).toLowerCase())
}

/** Whether `text` fits. Goes back to the last `*` alone, so that it takes at most the product of both lengths. */
function matches(pattern: string, text: string): boolean {
  let [p, t] = [0, 0]
  let [star, from] = [-1, 0]
  while (t < text.length) {
    if (pattern[p] === '*') {
      star = p++
      from = t
    } else if (pattern[p] === '?' || pattern[p] === text[t]) {
      p++
      t++
    } else if (star !== -1) {
      p = star + 1
      t = ++from
    } else {
      return false
    }
  }
  while (pattern[p] === '*') p++
  return p === pattern.length
}
