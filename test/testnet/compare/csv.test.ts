import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { curvesCsv, runsCsv } from '../../../testnet/compare/csv.ts'
import { comparedRun, comparedSystem, comparison } from '../../fixtures/comparison.ts'

test('every run is a line with seed and commit', () => {
  const report = comparison([comparedSystem({ runs: [comparedRun([1, 2]), comparedRun([1, 3])] })])
  const [header = '', ...lines] = runsCsv(report).trimEnd().split('\r\n')
  assert.is(lines.length, 2)
  // The version has a comma, so it is quoted.
  assert.match(
    lines[1] ?? '',
    /^nginx,"nginx 1, curl 2",2,0123456789ab,2026-01-02T03:04:05\.000Z,7,namespaces,2,/,
  )
  const cells = (lines[1] ?? '').replace('"nginx 1, curl 2"', 'v').split(',')
  const columns = header.split(',')
  assert.is(cells.length, columns.length)
  assert.is(cells[columns.indexOf('last_seconds')], '3.000')
  assert.is(cells[columns.indexOf('ratio')], '3.0000')
})

test('a failure is a line with its reason, however it is written', () => {
  const report = comparison([comparedSystem({ runs: [], version: undefined, failure: 'a "bad"\nday' })])
  const text = runsCsv(report)
  assert.match(text, /nginx,,1,/)
  assert.ok(text.endsWith(',"a ""bad""\nday"\r\n'))
})

test('points of the curves', () => {
  const lines = curvesCsv(comparison([comparedSystem()]))
    .trimEnd()
    .split('\r\n')
  assert.is(lines[0], 'system,run,seconds,mean_received_bytes,complete')
  assert.is(lines[3], 'nginx,1,2.000,10485760,2')
})

test.run()
