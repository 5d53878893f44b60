import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { parseQuery } from '../../../src/core/query-parser.ts'
import { QUERY_REGEX_STEPS_MAX } from '../../../src/core/registry-limits.ts'
import { type PatternCondition, PatternFilter } from '../../../tracker/query/pattern-filter.ts'
import { failureOf } from '../../fixtures/failure.ts'

const test = suite('pattern filter')

function filterOf(query: string): PatternFilter {
  const { where } = parseQuery(query)
  return new PatternFilter(
    where.filter((condition): condition is PatternCondition => condition.test === 'matches'),
  )
}

test('every pattern must fit, and those that are negated must not', async () => {
  const filter = filterOf('where name~/^deb/, os!~/11/')
  assert.is(await filter.accepts(['debian', 'Debian 12']), true)
  assert.is(await filter.accepts(['debian', 'Debian 11']), false)
  assert.is(await filter.accepts(['ubuntu', 'Debian 12']), false)
})

test('counts characters times instructions, and refuses what costs too much', async () => {
  const filter = filterOf('where description~/^(a|b)+c{50}$/')
  const text = 'ab'.repeat(2000)
  await filter.accepts([text])
  const once = filter.steps
  assert.ok(once >= text.length * 50 && once <= text.length * 256)
  const tooMany = async () => {
    for (let i = 0; i <= QUERY_REGEX_STEPS_MAX / once; i++) await filter.accepts([text])
  }
  assert.is((await failureOf(tooMany())).code, 'E_LIMIT')
})

test('others get their turn while a hostile pattern is looked for', async () => {
  const filter = filterOf('where description~/^(([a-z])+.)+[A-Z]([a-z])+$/')
  let turns = 0
  let running = true
  const others = (async () => {
    while (running) {
      await new Promise((resolve) => setImmediate(resolve))
      turns++
    }
  })()
  for (let i = 0; i < 200; i++) await filter.accepts(['a'.repeat(4000)])
  running = false
  await others
  assert.ok(turns >= 20, `${turns} turns`)
})

test.run()
