import { setImmediate as yieldToOthers } from 'node:timers/promises'
import { LimitError } from '../../src/core/errors.ts'
import type { Condition } from '../../src/core/query.ts'
import { QUERY_REGEX_STEPS_MAX } from '../../src/core/registry-limits.ts'

export type PatternCondition = Extract<Condition, { test: 'matches' }>

/** Steps after which others get their turn: some milliseconds at worst. */
const STEPS_PER_TURN = 100_000

/** Tests the regular expressions of one query, within QUERY_REGEX_STEPS_MAX. */
export class PatternFilter {
  readonly #conditions: readonly PatternCondition[]
  #steps = 0
  #nextTurn = STEPS_PER_TURN

  constructor(conditions: readonly PatternCondition[]) {
    this.#conditions = conditions
  }

  /** Characters times instructions of what was tested so far. */
  get steps(): number {
    return this.#steps
  }

  /** Whether texts, one for each condition, are what these ask for. Throws LimitError when the query costs too much. */
  async accepts(texts: readonly string[]): Promise<boolean> {
    for (const [i, { pattern, negated }] of this.#conditions.entries()) {
      const text = texts[i] ?? ''
      this.#steps += (text.length + 1) * pattern.programSize
      if (this.#steps > QUERY_REGEX_STEPS_MAX)
        throw new LimitError(
          'the regular expressions of the query have too much to look at: add another condition, or use smaller counts',
          { data: { limit: QUERY_REGEX_STEPS_MAX } },
        )
      if (this.#steps > this.#nextTurn) {
        this.#nextTurn = this.#steps + STEPS_PER_TURN
        await yieldToOthers()
      }
      if (pattern.found(text) === negated) return false
    }
    return true
  }
}
