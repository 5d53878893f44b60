import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ANSWER_TYPES, negotiate } from '../../../tracker/http/negotiation.ts'

const test = suite('negotiation')

const CASES: [accept: string | undefined, answer: string | undefined][] = [
  [undefined, 'application/json'],
  ['', 'application/json'],
  ['*/*', 'application/json'],
  ['*', 'application/json'],
  ['text/html, *;q=0.1', 'application/json'],
  ['application/xml, *', 'application/xml'],
  ['application/*', 'application/json'],
  ['application/json', 'application/json'],
  ['application/xml', 'application/xml'],
  ['text/xml', 'text/xml'],
  ['text/*', 'text/xml'],
  ['application/problem+xml', 'application/xml'],
  ['application/xml, application/json', 'application/json'],
  ['application/xml, */*', 'application/xml'],
  ['application/xml;q=0.5, application/json;q=0.4', 'application/xml'],
  ['application/xml;q=0.5, */*;q=0.9', 'application/json'],
  ['application/json;q=0, */*', 'application/xml'],
  ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', 'application/xml'],
  ['Application/XML ; charset=utf-8 ; Q=1.0', 'application/xml'],
  ['text/html', undefined],
  ['application/json;q=0', undefined],
  ['application/json;q=7', undefined],
  ['nonsense', undefined],
]

test('takes the form that is liked best', () => {
  for (const [accept, answer] of CASES) assert.is(negotiate(accept), answer, accept)
})

test('any header gives one of the forms or none', () => {
  fc.assert(
    fc.property(fc.string(), (accept) => {
      const answer = negotiate(accept)
      assert.ok(answer === undefined || ANSWER_TYPES.includes(answer))
    }),
  )
})

test.run()
