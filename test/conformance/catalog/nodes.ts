import * as assert from 'uvu/assert'
import type { PeerKey } from '../../../src/core/router.ts'
import type { Enrolment } from '../../../tracker/catalog/node-catalog.ts'
import { failureOf } from '../../fixtures/failure.ts'
import { atOnce, nowMs, type On } from './steps.ts'

function enrolment(name: string, more: Partial<Enrolment> = {}): Enrolment {
  const peer = `peer-${name}` as PeerKey
  return { name, dn: `/OU=nodes/CN=${name}`, peer, labels: { rack: 'a' }, fresh: 'active', nowMs, ...more }
}

/** Enrolled nodes. */
export function nodeTests(on: On): void {
  on('a node is entered once, and found by name and certificate', async ({ catalog }) => {
    const { nodes } = catalog
    const { before, node } = await nodes.enrol(enrolment('hv-1'))
    assert.is(before, undefined)
    assert.equal(
      [node.name, node.state, node.labels, node.labelled],
      ['hv-1', 'active', { rack: 'a' }, false],
    )
    assert.equal([node.createdAtMs, node.seenAtMs], [nowMs, nowMs])
    const waits = await nodes.enrol(enrolment('hv-9', { fresh: 'pending' }))
    assert.is(waits.node.seenAtMs, null, 'it was given no pass')
    const again = await nodes.enrol(enrolment('hv-1', { nowMs: nowMs + 1 }))
    assert.equal([again.before, again.node], [node, node])
    assert.equal(await nodes.get('hv-1'), node)
    assert.equal(await nodes.byDn('/OU=nodes/CN=hv-1'), node)
    assert.is(await nodes.byDn('/OU=nodes/CN=HV-1'), undefined)
    assert.is((await failureOf(nodes.get('hv-2'))).code, 'E_NOT_FOUND')
    await nodes.seen(node, nowMs + 5)
    assert.is((await nodes.get('hv-1')).seenAtMs, nowMs + 5)
  })

  on('a new key takes the place of the old one, and a revoked node stays so', async ({ catalog }) => {
    const { nodes } = catalog
    await nodes.enrol(enrolment('hv-1'))
    const { node } = await nodes.enrol(enrolment('hv-1', { peer: 'new' as PeerKey, fresh: 'pending' }))
    assert.equal([node.peer, node.state], ['new', 'pending'])
    await nodes.setState('hv-1', { state: 'revoked', nowMs })
    assert.is((await nodes.enrol(enrolment('hv-1'))).node.state, 'revoked')
    await nodes.setLabels('hv-1', { labels: { rack: 'b' }, nowMs })
    const { node: labelled } = await nodes.enrol(enrolment('hv-1', { labels: { rack: 'c' } }))
    assert.equal([labelled.labels, labelled.labelled], [{ rack: 'b' }, true])
  })

  on('a name and a key belong to one node', async ({ catalog }) => {
    const { nodes } = catalog
    await nodes.enrol(enrolment('hv-1'))
    const other = { dn: '/OU=nodes/CN=other' }
    assert.is((await failureOf(nodes.enrol(enrolment('hv-1', other)))).code, 'E_CONFLICT')
    const sameKey = enrolment('hv-2', { peer: 'peer-hv-1' as PeerKey })
    assert.is((await failureOf(nodes.enrol(sameKey))).code, 'E_CONFLICT')
    await catalog.transaction((trx) => nodes.remove(trx, 'hv-1'))
    assert.is((await nodes.enrol(sameKey)).node.name, 'hv-2')
  })

  on('lists by name, in pages, by state', async ({ catalog }) => {
    const { nodes } = catalog
    for (const name of ['b', 'B', 'a-1', 'a_1']) await nodes.enrol(enrolment(name))
    await nodes.setState('b', { state: 'revoked', nowMs })
    const names = async (init: Parameters<typeof nodes.list>[0]) =>
      (await nodes.list(init)).map(({ name }) => name)
    assert.equal(await names({ rowsMax: 10 }), ['B', 'a-1', 'a_1', 'b'])
    assert.equal(await names({ rowsMax: 2, after: 'B' }), ['a-1', 'a_1'])
    assert.equal(await names({ rowsMax: 10, state: 'revoked' }), ['b'])
  })

  on('a node that comes at both trackers at once is one', async (it) => {
    const same = await atOnce(it, 6, (catalog) => catalog.nodes.enrol(enrolment('hv-1')))
    assert.is(new Set(same.values.map(({ node }) => node.id)).size, 1)
    assert.is(same.values.filter(({ before }) => before === undefined).length, 1)
    const peer = 'contested' as PeerKey
    const taken = await atOnce(it, 4, (catalog, i) => catalog.nodes.enrol(enrolment(`other-${i}`, { peer })))
    assert.is(taken.values.length, 1)
    assert.equal(taken.codes, ['E_CONFLICT', 'E_CONFLICT', 'E_CONFLICT'])
  })
}
