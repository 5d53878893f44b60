import { tmpdir } from 'node:os'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { temporaryRoot } from '../../../scripts/testing/temporary-root.ts'

test('integration tests, and who names a folder, get files on a disk', async () => {
  assert.is(await temporaryRoot('test/integration/node-kill.test.ts', {}), tmpdir())
  assert.is(await temporaryRoot('test/core/cid.test.ts', { TMPDIR: '/somewhere' }), tmpdir())
})

test('unit tests get them in memory where there is room', async () => {
  assert.ok(['/dev/shm', tmpdir()].includes(await temporaryRoot('test/core/cid.test.ts', {})))
})

test.run()
