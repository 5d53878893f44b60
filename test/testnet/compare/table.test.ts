import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { reportText } from '../../../testnet/compare/table.ts'
import { comparedRun, comparedSystem, comparison } from '../../fixtures/comparison.ts'

const rowOf = (text: string, name: string) => text.split('\n').find((line) => line.startsWith(name)) ?? ''

test('a row has the figures of its system', () => {
  const row = rowOf(reportText(comparison([comparedSystem()])), 'nginx')
  assert.equal(row.split(/\s{2,}/), [
    ...['nginx', '2.00', '1.50', '2.00', '10.0 MiB', '1.50', '25.0', '0.00', '0.5', '1', 'identical'],
  ])
})

test('a system that failed is a row that says why, with its log below', () => {
  const failed = comparedSystem({
    name: 'casync',
    runs: [],
    failure: 'casync failed (exit 1)\nThe end of its log',
  })
  const text = reportText(comparison([comparedSystem(), failed]))
  assert.match(rowOf(text, 'casync'), /FAILED: casync failed \(exit 1\)$/)
  assert.match(text, /casync: casync failed \(exit 1\)\nThe end of its log/)
})

test('a system that was not tried says what it lacks', () => {
  const text = reportText(
    comparison([comparedSystem({ runs: [], version: undefined, lack: 'not installed' })]),
  )
  assert.match(rowOf(text, 'nginx'), /not run: not installed$/)
})

test('files that differ are told before anything else', () => {
  const runs = [comparedRun([1, 2], { verified: 1 })]
  const text = reportText(comparison([comparedSystem({ runs, failure: 'later' })]))
  assert.match(rowOf(text, 'nginx'), /1 of 2 DIFFER$/)
})

test('bytes between racks are a column where there are racks', () => {
  const runs = [comparedRun([1, 2], { crossRackBytes: 10 * 1024 ** 2 })]
  const racks = { racks: 2, uplinkBitsPerSecond: 50e6 }
  const text = reportText(comparison([comparedSystem({ runs })], racks))
  assert.match(text, /CROSS-RACK COPIES {2}INTO EACH FURTHER RACK/)
  assert.match(text, /2 racks with uplinks of 50 Mbit\/s/)
  assert.not.match(reportText(comparison([comparedSystem()])), /CROSS-RACK/)
})

test('the conditions say when, where and from which commit the figures come', () => {
  const text = reportText(comparison([comparedSystem()], { arena: 'loopback' }))
  assert.match(text, /2 nodes, 100 Mbit\/s each way \(loopback, shaped in user space\); 10\.0 MiB/)
  assert.match(text, /2026-01-02T03:04:05\.000Z, commit 0123456789ab, 2 cores \(Z80\)/)
  assert.match(text, /load 0\.1 before the first run/)
})

test.run()
