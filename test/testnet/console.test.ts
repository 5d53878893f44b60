import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { parseSize, plainLog } from '../../testnet/console.ts'

const test = suite('testnet console')

test('reads sizes as people write them', () => {
  assert.is(parseSize('512M'), 512 * 1024 ** 2)
  assert.is(parseSize('2GiB'), 2 * 1024 ** 3)
  assert.is(parseSize('1.5g'), 1.5 * 1024 ** 3)
  assert.is(parseSize('4096'), 4096)
  for (const text of ['', 'M', '-1', '1T', '1e3', '5 apples']) assert.is(parseSize(text), undefined)
})

test('writes plain lines', () => {
  let text = ''
  plainLog((line) => {
    text += line
  }).info({ nodes: 8, of: 'x' }, 'ready')
  assert.is(text, 'testnet: ready nodes=8 of=x\n')
})

test.run()
