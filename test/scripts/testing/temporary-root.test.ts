import { tmpdir } from 'node:os'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { temporaryRoot } from '../../../scripts/testing/temporary-root.ts'

test('integration tests, and who names a folder, get files on a disk', async () => {
  assert.is(await temporaryRoot('test/integration/node-kill.test.ts', {}), tmpdir())
  assert.is(await temporaryRoot('test/core/cid.test.ts', { TMPDIR: '/somewhere' }), tmpdir())
})

test('unit tests get them in memory where there is room', async () => {
  const GiB = 1024 ** 3
  const rootWith = (facts: { type?: number; room?: number; free?: number }) =>
    temporaryRoot(
      'test/core/cid.test.ts',
      {},
      {
        statfs: async () => ({ type: facts.type ?? 0x01021994, bavail: facts.room ?? 8 * GiB, bsize: 1 }),
        freemem: () => facts.free ?? 8 * GiB,
      },
    )
  assert.is(await rootWith({}), '/dev/shm')
  assert.is(await rootWith({ room: GiB }), tmpdir())
  assert.is(await rootWith({ free: GiB }), tmpdir())
  assert.is(await rootWith({ type: 0xef53 }), tmpdir())
  const none = { statfs: () => Promise.reject(new RangeError('no such folder')), freemem: () => 8 * GiB }
  assert.is(await temporaryRoot('test/core/cid.test.ts', {}, none), tmpdir())
})

test.run()
