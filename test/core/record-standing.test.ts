import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { digestKey, digestOf, manifestIdOf } from '../../src/core/cid.ts'
import { SignatureError } from '../../src/core/errors.ts'
import { parseRecordStatement, type RecordStatement } from '../../src/core/record.ts'
import { RecordStanding } from '../../src/core/record-standing.ts'

const test = suite('standing of records')
const digest = (serial: number) => digestKey(digestOf(Buffer.from(`${serial}`)))

/** Statements with their places filled in: `['commit', 1]`, `['rename', 4, 1]`, `['remove', 2]`, `['end']`. */
function statements(
  steps: readonly (readonly [string, number?, number?])[],
  names: string[] = [],
): RecordStatement[] {
  let name = 'debian'
  return steps.map(([event, version = null, former], i) => {
    const place = { image: 'u', serial: i + 1, previous: null, repaired: event === 'repair', iat: 1 }
    if (['remove', 'end', 'repair'].includes(event)) return parseRecordStatement({ ...place, event, version })
    const formerly = event === 'rename' ? { namespace: 'site', name, version: former } : null
    if (event === 'rename') name = names.shift() ?? 'ubuntu'
    const manifest = manifestIdOf(digestOf(Buffer.from(`${former ?? version}`)))
    const signature = event === 'sign' ? { digest: digest(0), signer: '/CN=bob', at: 1 } : null
    const facts = { namespace: 'site', name, version, manifest, size: 1, sha256: null, publisher: '/CN=a' }
    return parseRecordStatement({ ...place, event, ...facts, signature, formerly })
  })
}

function standing(list: readonly RecordStatement[]): RecordStanding {
  const result = new RecordStanding()
  for (const one of list) result.apply(one, digest(one.serial))
  return result
}

const versions = (list: readonly RecordStatement[]) =>
  [...standing(list).versions].map(([version, { digest: of }]) => [version, of] as const)

const refused = (steps: readonly (readonly [string, number?, number?])[]) =>
  assert.throws(
    () => standing(statements(steps)),
    (error: unknown) => error instanceof SignatureError,
    JSON.stringify(steps),
  )

test('the newest record of each version counts', () => {
  const list = statements([
    ['commit', 1],
    ['commit', 2],
    ['sign', 1],
    ['remove', 2],
    ['commit', 3],
  ])
  assert.equal(versions(list), [
    [1, digest(3)],
    [3, digest(5)],
  ])
})

test('a rename takes the numbers along, the highest first', () => {
  const list = statements([
    ['commit', 1],
    ['commit', 2],
    ['rename', 4, 2],
  ])
  assert.equal(
    versions(list).map(([version]) => version),
    [1, 4],
  )
})

test('after the end there is nothing, and nothing comes but a repair', () => {
  const end = statements([['commit', 1], ['end']])
  assert.equal([standing(end).versions.size, standing(end).ended], [0, true])
  refused([['commit', 1], ['end'], ['commit', 2]])
  assert.is(standing(statements([['commit', 3], ['end'], ['repair'], ['commit', 1]])).versions.size, 1)
})

test('what contradicts the chain is refused', () => {
  refused([
    ['commit', 2],
    ['commit', 1],
  ])
  refused([
    ['commit', 1],
    ['commit', 1],
  ])
  refused([
    ['commit', 1],
    ['remove', 1],
    ['commit', 1],
  ])
  refused([['remove', 1]])
  refused([['sign', 1]])
  refused([
    ['commit', 1],
    ['rename', 2, 3],
  ])
  refused([
    ['commit', 1],
    ['commit', 2],
    ['rename', 2, 1],
  ])
})

test('a copy goes on by itself', () => {
  const before = standing(statements([['commit', 1]]))
  const copy = new RecordStanding(before)
  const [, second] = statements([
    ['commit', 1],
    ['commit', 2],
  ])
  if (second !== undefined) copy.apply(second, digest(2))
  assert.equal([before.versions.size, copy.versions.size], [1, 2])
})

test.run()
