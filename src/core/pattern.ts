import { RE2JS, RE2JSException } from 're2js'
import { InvalidError } from './errors.ts'
import { QUERY_REGEX_CHARS_MAX, QUERY_REGEX_PROGRAM_MAX } from './registry-limits.ts'

/** A regular expression that takes time in proportion to the text, whatever it is (RE2). */
export interface Pattern {
  readonly source: string
  readonly ignoreCase: boolean
  /** Instructions: what one character of a text costs at most. */
  readonly programSize: number
  /** Whether it is found anywhere in the text. */
  found(text: string): boolean
}

/** Throws InvalidError when the pattern is malformed, too long, or too large once its counts are written out. */
export function compilePattern(source: string, options: { ignoreCase: boolean }): Pattern {
  if (source.length > QUERY_REGEX_CHARS_MAX)
    throw new InvalidError(`a regular expression has at most ${QUERY_REGEX_CHARS_MAX} characters`)
  // Before it is compiled: a few characters can stand for a million instructions.
  if (writtenOutSize(source) > QUERY_REGEX_PROGRAM_MAX) throw tooLarge()
  const compiled = compile(source, options.ignoreCase ? RE2JS.CASE_INSENSITIVE : 0)
  const programSize = compiled.programSize()
  if (programSize > QUERY_REGEX_PROGRAM_MAX) throw tooLarge()
  return { source, ignoreCase: options.ignoreCase, programSize, found: (text) => compiled.test(text) }
}

function compile(source: string, flags: number): RE2JS {
  try {
    return RE2JS.compile(source, flags)
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error
    throw new InvalidError(`this is no regular expression of RE2: ${error.message.slice(0, 200)}`)
  }
}

function tooLarge(): InvalidError {
  return new InvalidError(
    `the regular expression is too large: use smaller counts, its program may have ${QUERY_REGEX_PROGRAM_MAX} instructions`,
  )
}

const TOKEN =
  /\\Q(?<quoted>[\s\S]*?)(?:\\E|$)|\\[pPx]\{[^}]*\}|\\[\s\S]|\[\^?\]?(?:\\[\s\S]|\[:[^\]]*:\]|[^\]\\])*\]|\{(?<min>\d+)(?<more>,(?<max>\d*))?\}|[\s\S]/gy

/** Characters that a pattern matches one by one once every `x{n}` is written out, never fewer than there are: groups count one more. */
function writtenOutSize(source: string): number {
  const outer: number[] = []
  let size = 0
  let last = 0
  for (const { 0: token, groups } of source.matchAll(TOKEN)) {
    const count = groups?.['min'] === undefined ? undefined : countOf(groups)
    if (count !== undefined) {
      size += last * (count - 1)
      last *= count
    } else if (token === '(') {
      outer.push(size)
      size = 0
      last = 0
    } else if (token === ')') {
      last = size + 1
      size = (outer.pop() ?? 0) + last
    } else {
      last = groups?.['quoted'] === undefined ? 1 : groups['quoted'].length
      size += last
    }
    if (size > QUERY_REGEX_PROGRAM_MAX) return size
  }
  return outer.reduce((sum, one) => sum + one, size)
}

function countOf(groups: Readonly<Record<string, string | undefined>>): number {
  return Math.max(1, Number(groups['min']), Number(groups['max'] ?? 0))
}
