import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { parseWaveSize, wavesOf } from '../../src/core/placement.ts'
import { failureOf } from '../fixtures/failure.ts'

const test = suite('placement')

const waves = (count: number, text: string) =>
  wavesOf(count, text === '' ? [] : text.split(',').map(parseWaveSize))
const sizes = (of: readonly number[]) =>
  Array.from({ length: (of.at(-1) ?? -1) + 1 }, (_, i) => of.filter((w) => w === i).length)

test('waves grow to their sizes, and what is left is the last', () => {
  assert.equal(sizes(waves(100, '1,10%,100%')), [1, 9, 90])
  assert.equal(sizes(waves(100, '1,10%')), [1, 9, 90])
  assert.equal(sizes(waves(5, '')), [5])
  assert.equal(sizes(waves(3, '1,10%,50%,100%')), [1, 1, 1])
  assert.equal(sizes(waves(3, '50,1')), [3])
  assert.equal(waves(0, '1'), [])
})

test('what is no size of a wave is refused', async () => {
  for (const text of ['0', '-1', '101%', '1.5', '', 'all', '1000000000'])
    assert.is((await failureOf(Promise.resolve().then(() => parseWaveSize(text)))).code, 'E_INVALID', text)
})

test.run()
