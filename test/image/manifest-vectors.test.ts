import { readFile } from 'node:fs/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type ManifestVector, vectorOf } from '../fixtures/manifest-vectors.ts'

const FILE = new URL('../fixtures/manifest-v1.json', import.meta.url)
const vectors = JSON.parse(await readFile(FILE, 'utf8')) as ManifestVector[]

const test = suite('manifest vectors')

for (const vector of vectors) {
  test(`${vector.chunker}: ${vector.title}`, async () => {
    assert.equal(await vectorOf(vector.title, vector), vector)
  })
}

test.run()
