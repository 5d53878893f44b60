import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Maintenance, type MaintenanceComponents } from '../../node/maintenance.ts'
import { holderOf, LAZY_REFERENCE, lazyImage, lazySite, putSome } from '../fixtures/lazy-site.ts'
import { withScratch } from '../fixtures/scratch.ts'
import { seededRandom } from '../fixtures/seeded-random.ts'

const test = suite('maintenance of a node')
const alive = setInterval(() => {}, 1000)
test.after(() => clearInterval(alive))

test('what is being read on demand is no garbage before the catalog has it', () =>
  withScratch(async (dir) => {
    const image = await lazyImage(seededRandom(5), 1)
    const site = await lazySite(join(dir, 'images'), image)
    const origin = await holderOf(site, image, { name: 'origin', origin: true })
    site.peers = [origin.address]
    await putSome(site, image, () => true)
    const saving = Promise.withResolvers<void>()
    const save = site.catalog.save.bind(site.catalog)
    site.catalog.save = (entry) => saving.promise.then(() => save(entry))
    const { pull } = await site.puller.open(LAZY_REFERENCE)
    assert.ok(pull)
    while (!pull.session.planned) await new Promise((resolve) => setImmediate(resolve))
    assert.equal(site.catalog.all(), [])
    const disks = { exclusively: <T>(work: () => Promise<T>) => work(), images: () => [], namesOf: () => [] }
    const { blocks, nodes, exchange } = site.node
    const parts = { blocks, nodes, exchange, disks, catalog: site.catalog, puller: site.puller }
    const maintenance = new Maintenance(parts as unknown as MaintenanceComponents)
    const report = await maintenance.collect({ dryRun: true })
    assert.is(report.blocksDeleted, 0)
    assert.ok(report.blocksKept > 0)
    saving.resolve()
    await pull.saved
    await site.stop()
    await origin.exchange.stop()
  }))

test.run()
