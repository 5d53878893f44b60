import { sql } from 'kysely'
import type { Condition } from '../../src/core/query.ts'
import { columnOf, tableField } from './columns.ts'
import type { Part } from './visibility.ts'

/** Conditions that SQL can test; regular expressions are not among them. */
export type SqlCondition = Exclude<Condition, { test: 'matches' }>

const OPERATORS = { '<': sql`<`, '<=': sql`<=`, '>': sql`>`, '>=': sql`>=` } as const

export function conditionOf(condition: SqlCondition): Part {
  const column = columnOf(condition.field)
  switch (condition.test) {
    case 'is':
      return isValue(condition)
    case 'has': {
      const list = sql`(',' || ${column} || ',')`
      // Not LIKE: databases differ in what it takes for the same letter.
      const without = sql`replace(${list}, ${`,${condition.word},`}, '')`
      return condition.negated ? sql`${without} = ${list}` : sql`${without} <> ${list}`
    }
    case 'within':
      return within(condition)
    case 'compare':
      return sql`${column} ${OPERATORS[condition.operator]} ${condition.value}`
  }
}

function isValue({ field, value, negated }: Extract<Condition, { test: 'is' }>): Part {
  const column = columnOf(field)
  if (value === null) return negated ? sql`${column} is not null` : sql`${column} is null`
  if (tableField(field)?.type === 'flag') {
    return value !== negated ? sql`(${column})` : sql`not (${column})`
  }
  return negated ? sql`${column} <> ${value}` : sql`${column} = ${value}`
}

/** Nothing that is not set is within anything. */
function within({ field, negated, from, below }: Extract<Condition, { test: 'within' }>): Part {
  const column = columnOf(field)
  const bounds: Part[] = []
  if (from !== undefined) bounds.push(sql`${column} >= ${from}`)
  if (below !== undefined) bounds.push(sql`${column} < ${below}`)
  const all = sql<boolean>`(${sql.join(bounds, sql` and `)})`
  return negated ? sql`(${column} is null or not ${all})` : all
}
