import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { wantedAt } from '../../../src/cli/completion/candidates.ts'
import { buildProgram } from '../../../src/cli/program.ts'
import { testShell } from '../../fixtures/cli.ts'

const test = suite('completion')
const program = buildProgram(testShell())
const at = (line: string) => wantedAt(program, line.split(' '))
const words = (line: string) => at(line).candidates.map(({ word }) => word)

test('commands come first, then those below them', () => {
  assert.ok(words('').includes('image'))
  assert.equal(words('ima'), ['image'])
  assert.equal(words('image pu'), ['push', 'pull'])
  assert.not.ok(words('').includes('__complete'))
})

test('options of the command and of those above it', () => {
  assert.ok(words('image ls --').includes('--format'))
  assert.ok(words('image ls --').includes('--no-color'))
  assert.equal(words('image ls --form'), ['--format'])
})

test('values of options: choices, names, files', () => {
  assert.equal(words('image ls -o j'), ['json'])
  assert.is(at('image ls --context ').lookup, 'contexts')
  assert.ok(at('image ls --key ').files)
  assert.ok(at('tracker serve --config ').files)
})

test('arguments: names of images, and nothing past the last', () => {
  assert.is(at('image show ').lookup, 'images')
  assert.is(at('image show -o json si').lookup, 'images')
  assert.equal(at('image show site/debian '), { candidates: [], lookup: undefined, files: false })
})

test('after -- nothing is an option', () => {
  assert.equal(words('image show -- --'), [])
  assert.is(at('image show -- --').lookup, 'images')
})

test('a word that is no command leads nowhere', () => {
  assert.equal(words('nonsense more '), [])
})

test.run()
