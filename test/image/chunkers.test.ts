import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { InvalidError } from '../../src/core/errors.ts'
import { chooseChunker, chunkerOf } from '../../src/image/chunkers.ts'
import { cutImage } from '../fixtures/cut-image.ts'
import { noise } from '../fixtures/noise.ts'

const test = suite('chunkers')

const named = (choice: 'auto' | 'gear' | 'page-tail', head: Uint8Array) =>
  chooseChunker(choice, head).parameters.name

test('auto takes gear for compressed and archived streams', () => {
  const tar = Buffer.alloc(512)
  tar.write('ustar', 257)
  const heads = ['1f8b08', 'fd377a585a00', '28b52ffd', '425a6839', '504b0304', '04224d18'].map((hex) =>
    Buffer.from(hex, 'hex'),
  )
  for (const head of [tar, ...heads]) assert.is(named('auto', head), 'gear')
})

test('auto takes page-tail for everything else', () => {
  for (const head of [Buffer.alloc(0), Buffer.alloc(512), Buffer.from('QFI\xfb'), noise('disk', 512)]) {
    assert.is(named('auto', head), 'page-tail')
  }
})

test('a choice is a choice', () => {
  assert.is(named('page-tail', Buffer.from('1f8b', 'hex')), 'page-tail')
  assert.is(named('gear', Buffer.alloc(512)), 'gear')
  assert.throws(
    () => chooseChunker('fixed' as 'auto', Buffer.alloc(0)),
    (error: unknown) => error instanceof InvalidError,
  )
})

test('a chunker is made again from what the manifest says', () => {
  const image = noise('again', 500_000)
  for (const name of ['page-tail', 'gear'] as const) {
    const first = chooseChunker(name, image)
    const again = chunkerOf(first.parameters)
    assert.equal(again.parameters, first.parameters)
    assert.equal(cutImage(again, image), cutImage(first, image))
  }
})

test('refuses a chunker or parameters that it does not know', () => {
  const { parameters } = chooseChunker('page-tail', Buffer.alloc(0)).parameters
  const gear = chooseChunker('gear', Buffer.alloc(0)).parameters.parameters
  const wrong = [
    { name: 'rabin', parameters: {} },
    { name: 'page-tail', parameters: {} },
    { name: 'page-tail', parameters: { ...parameters, page: 512 } },
    { name: 'page-tail', parameters: { ...parameters, max: 5000 } },
    { name: 'page-tail', parameters: { ...parameters, max: 2 ** 30 } },
    { name: 'page-tail', parameters: { ...parameters, one_in: 33 } },
    { name: 'page-tail', parameters: { ...parameters, one_in: 0 } },
    { name: 'page-tail', parameters: { ...parameters, more: 1 } },
    { name: 'gear', parameters: { ...gear, avg: 10_000 } },
    { name: 'gear', parameters: { ...gear, min: -1 } },
    { name: 'gear', parameters: { ...gear, min: 32_768 } },
  ]
  for (const chunker of wrong) {
    assert.throws(
      () => chunkerOf(chunker),
      (error: unknown) => error instanceof InvalidError,
      JSON.stringify(chunker),
    )
  }
})

test.run()
