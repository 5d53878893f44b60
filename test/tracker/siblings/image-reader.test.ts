import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { digestOf, manifestIdOf } from '../../../src/core/cid.ts'
import type { PeerKey } from '../../../src/core/router.ts'
import type { StoredTracker } from '../../../tracker/catalog/tracker-catalog.ts'
import { ImageReader } from '../../../tracker/siblings/image-reader.ts'
import { failureOf } from '../../fixtures/failure.ts'
import { imageKey } from '../../fixtures/image-key.ts'
import { collect } from '../../fixtures/tracker.ts'

const test = suite('reader of images')
const version = { ...imageKey('team/debian'), manifest: manifestIdOf(digestOf(Buffer.from('m'))) }
const range = { version, start: 2, end: 5 }
const other: StoredTracker = { peer: 'o' as PeerKey, url: 'https://o', addresses: [], seenAtMs: 0 }
const { signal } = new AbortController()

/** Says where the bytes came from. */
async function* say(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text)
}

function readerWith(of: { here: boolean; others: StoredTracker[] }): ImageReader {
  return new ImageReader({
    holders: { of: async () => of },
    relay: { open: async ([first], { start, end }) => say(`${first?.url} ${start}-${end}`) },
    read: ({ start, end }) => say(`here ${start}-${end}`),
  })
}

const textOf = async (reader: ImageReader, relay = true) =>
  (await collect(await reader.open(range, { signal, relay }))).toString()

test('reads what is here from here', async () => {
  assert.is(await textOf(readerWith({ here: true, others: [other] })), 'here 2-5')
  assert.is(await textOf(readerWith({ here: true, others: [] }), false), 'here 2-5')
})

test('reads the rest from who has it, and never for another tracker', async () => {
  assert.is(await textOf(readerWith({ here: false, others: [other] })), 'https://o 2-5')
  const asked = textOf(readerWith({ here: false, others: [other] }), false)
  assert.is((await failureOf(asked)).code, 'E_NOT_FOUND')
  assert.is((await failureOf(textOf(readerWith({ here: false, others: [] })))).code, 'E_UNREACHABLE')
})

test.run()
