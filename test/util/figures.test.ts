import { Registry } from 'prom-client'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { addFigure, addFigures } from '../../src/util/figures.ts'

const test = suite('figures')

test('what is named a total is a counter, read whenever somebody looks', async () => {
  const registry = new Registry()
  let reads = 3
  addFigure(registry, { name: 'disk_reads_total', help: 'reads' }, () => reads)
  assert.match(await registry.metrics(), /# TYPE disk_reads_total counter\ndisk_reads_total 3\n/)
  reads = 10
  assert.match(await registry.metrics(), /\ndisk_reads_total 10\n/)
  assert.match(await registry.metrics(), /\ndisk_reads_total 10\n/)
})

test('what is not is a gauge, whose value may take a while', async () => {
  const registry = new Registry()
  addFigure(registry, { name: 'store_bytes', help: 'bytes' }, () => Promise.resolve(7))
  assert.match(await registry.metrics(), /# TYPE store_bytes gauge\nstore_bytes 7\n/)
})

test('both go by the values of a label', async () => {
  const registry = new Registry()
  const wire = { origin: 0, peer: 5 }
  addFigures(registry, { name: 'wire_bytes_total', help: 'bytes', label: 'source' }, () => wire)
  addFigures(registry, { name: 'disks', help: 'disks', label: 'state' }, () => ({ ready: 2 }))
  wire.origin = 1
  await registry.metrics()
  const text = await registry.metrics()
  assert.match(text, /# TYPE wire_bytes_total counter\n/)
  assert.match(text, /wire_bytes_total{source="origin"} 1\nwire_bytes_total{source="peer"} 5\n/)
  assert.match(text, /# TYPE disks gauge\ndisks{state="ready"} 2\n/)
})

test.run()
