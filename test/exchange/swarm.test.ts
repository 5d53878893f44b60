import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Swarm } from '../../src/exchange/swarm.ts'
import { swarmImage } from '../fixtures/exchange-peers.ts'

const test = suite('swarm')
const IMAGE = swarmImage(Array.from({ length: 64 }, (_, i) => i))

/** What a swarm tells its listener. */
function setUp() {
  const swarm = new Swarm({ id: IMAGE.id, manifest: IMAGE.manifest })
  const heard: unknown[] = []
  swarm.listen({
    held: (runs) => heard.push(runs),
    partly: (parts) => heard.push(Object.fromEntries(parts)),
  })
  return { swarm, heard }
}

test('tells of parts while a run has others that are missing, then of the run', () => {
  const { swarm, heard } = setUp()
  swarm.holdParts(new Map([[0, 0b0001]]))
  swarm.holdParts(new Map([[0, 0b0101]]))
  assert.is(swarm.partly.get(0), 0b0101)
  swarm.hold([0])
  assert.is(swarm.partly.size, 0)
  swarm.holdParts(new Map([[0, 0b1111]]))
  assert.equal(heard, [{ 0: 0b0001 }, { 0: 0b0101 }, [0]])
})

test('a run that is dropped has no parts either', () => {
  const { swarm } = setUp()
  swarm.holdParts(new Map([[1, 0b0011]]))
  swarm.drop(1)
  assert.is(swarm.partly.size, 0)
})

test.run()
