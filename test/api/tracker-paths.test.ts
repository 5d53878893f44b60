import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { fillPath, TRACKER_PATHS } from '../../src/api/tracker-paths.ts'

const test = suite('tracker paths')

test('fill in their parameters', () => {
  assert.is(
    fillPath(TRACKER_PATHS.version, { namespace: 'a', name: 'b', version: 3 }),
    '/api/images/a/b/versions/3',
  )
  assert.is(fillPath(TRACKER_PATHS.images, {}), '/api/images')
})

test('encode what would mean something else in a path', () => {
  assert.is(
    fillPath(TRACKER_PATHS.image, { namespace: 'a/../b', name: '?x#' }),
    '/api/images/a%2F..%2Fb/%3Fx%23',
  )
})

test.run()
