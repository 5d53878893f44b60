import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type DiskStats, noBoot } from '../../../node/disk/disk-stats.ts'
import { DiskTotals } from '../../../node/disk/disk-totals.ts'

const test = suite('sums over disks')

function statsOf(reads: number): DiskStats {
  const waitMs = { p50: 1, p95: 2, p99: 3, max: 1500, sum: 2000 }
  return {
    ...{ reads, readBytes: 4096, errors: 0, waits: 1, waitMs, waitBuckets: [{ upToMs: 1500, count: 1 }] },
    ...{ shareLocal: 0.8, stalls: 0, damagedBlocks: 0, runs: { held: 1, total: 2 }, boot: noBoot() },
    bytes: { store: 10, fetched: 20, wireFromOrigin: 30, wireFromPeers: 40 },
  }
}

test('a disk counts while it is open, while it is being closed, and afterwards', async () => {
  const totals = new DiskTotals()
  const other = { stats: () => statsOf(1) }
  let reads = 5
  const disk = { stats: () => statsOf(reads) }
  assert.is(totals.sums([disk, other]).reads, 6)
  const closed = Promise.withResolvers<void>()
  const closing = totals.closing(disk, () => closed.promise)
  assert.is(totals.sums([other]).reads, 6)
  reads = 7
  closed.resolve()
  await closing
  reads = 100
  const { reads: all, waits, waitSeconds } = totals.sums([other])
  assert.equal([all, [...waits], waitSeconds], [8, [[1.5, 2]], 4])
})

test('a disk whose closing fails has counted all the same, and one that was never opened counts nothing', async () => {
  const totals = new DiskTotals()
  const fails = async () => Promise.reject(new RangeError('no'))
  const closing = totals.closing({ stats: () => statsOf(3) }, fails)
  assert.is(await closing.catch((error: unknown) => error instanceof RangeError), true)
  let closed = 0
  await totals.closing(undefined, async () => void closed++)
  assert.equal([totals.sums([]).reads, closed], [3, 1])
})

test.run()
