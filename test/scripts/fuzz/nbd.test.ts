import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { fuzzNbd } from '../../../scripts/fuzz/nbd/fuzz.ts'
import { makeSession } from '../../../scripts/fuzz/nbd/inputs.ts'
import { seededRandom } from '../../../testnet/images/random.ts'

const test = suite('hostile clients of disks')

test('neither bring a server down nor leave anything', async () => {
  const { defects, sessions, bytesReceived } = await fuzzNbd({ seed: 42, sessions: 150, crowd: 1000 })
  assert.equal(defects, [])
  assert.is(sessions, 150)
  assert.ok(bytesReceived > 1_000_000)
})

test('are the same for the same seed', () => {
  for (let seed = 0; seed < 50; seed++)
    assert.equal(makeSession(seededRandom(seed)), makeSession(seededRandom(seed)))
})

test.run()
