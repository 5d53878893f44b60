import { createHash } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { DigestTable } from '../../src/exchange/digest-table.ts'

const test = suite('digest table')
const digestAt = (i: number) => createHash('sha256').update(String(i)).digest()

test('finds what was added, however much that is, and next to nothing else', () => {
  const table = new DigestTable({ digestsMax: 50_000 })
  for (let i = 0; i < 50_000; i++) table.add(digestAt(i), i)
  assert.is(table.count, 50_000)
  const lost = Array.from({ length: 50_000 }, (_, i) => i).filter((i) => !table.find(digestAt(i)).includes(i))
  assert.is(lost.length, 0)
  const wrong = Array.from({ length: 50_000 }, (_, i) => table.find(digestAt(50_000 + i)).length)
  assert.ok(wrong.filter(Boolean).length <= 10, 'four bytes are the same by chance once in 4 * 10^9 pairs')
})

test('holds no more than it may', () => {
  const table = new DigestTable({ digestsMax: 10_000 })
  for (let i = 0; i < 20_000; i++) table.add(digestAt(i), i)
  assert.is(table.count, 10_000)
  assert.equal(table.find(digestAt(9_999)), [9_999])
  assert.not(table.find(digestAt(10_000)).includes(10_000))
})

test('digests that somebody has made alike cost a bounded number of looks', () => {
  const table = new DigestTable({ digestsMax: 100_000 })
  for (let i = 0; i < 5000; i++) {
    const digest = digestAt(i)
    digest.writeUInt32BE(7, 0)
    table.add(digest, i)
  }
  assert.ok(table.count < 1000, `${table.count}`)
  assert.is(table.find(Buffer.alloc(32)).length, 0)
  table.add(digestAt(9), 9)
  assert.equal(table.find(digestAt(9)), [9], 'others are found')
})

test.run()
