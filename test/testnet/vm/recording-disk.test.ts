import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { RecordingDisk } from '../../../testnet/vm/recording-disk.ts'
import { disk } from '../../fixtures/nbd-site.ts'

const test = suite('recording disk')
const KiB = 1024
const { signal } = new AbortController()

test('counts requests, bytes and pages that were read at least once, in order', () => {
  const recorder = new RecordingDisk(disk({ size: 1000 * KiB }))
  recorder.read(8 * KiB, 8 * KiB, { signal })
  recorder.read(12 * KiB, 8 * KiB, { signal })
  recorder.read(100, 200, { signal })
  const { requests, bytes, distinctBytes, reads } = recorder.record()
  assert.is(requests, 3)
  assert.is(bytes, 16 * KiB + 200)
  assert.is(distinctBytes, 4 * 4 * KiB, 'two pages, one more, and the first')
  assert.equal(
    reads.map(({ offset, length }) => [offset, length]),
    [
      [8 * KiB, 8 * KiB],
      [12 * KiB, 8 * KiB],
      [100, 200],
    ],
  )
})

test('answers what the disk answers', async () => {
  const bytes = Buffer.from('what is there')
  const recorder = new RecordingDisk(disk({ name: 'team/debian:12', read: async () => [bytes] }))
  assert.is(recorder.name, 'team/debian:12')
  assert.equal(await recorder.read(0, bytes.length, { signal }), [bytes])
  assert.equal(recorder.extents('allocation', { offset: 0, length: 10, extentsMax: 1 }, { signal }), [
    { length: 10, flags: 0 },
  ])
  assert.is(recorder.record().requests, 1, 'looking at extents is not reading')
})

test.run()
