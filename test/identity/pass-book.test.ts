import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { GrantError } from '../../src/core/errors.ts'
import { PASSES_REMEMBERED_MAX } from '../../src/core/limits.ts'
import { parsePass } from '../../src/core/pass.ts'
import type { PeerKey } from '../../src/core/router.ts'
import { PassBook } from '../../src/identity/pass-book.ts'
import { testPass } from '../fixtures/admission.ts'
import { failureOf } from '../fixtures/failure.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'

const test = suite('pass book')
const peer = 'peer' as PeerKey

function make(graceS = 0) {
  const clock = new FakeClock()
  const grace = { s: graceS }
  let verified = 0
  const verify = async (token: string) => {
    verified++
    if (token === 'forged') throw new GrantError('signature does not verify')
    return parsePass(JSON.parse(token))
  }
  const book = new PassBook({ clock, verify, graceS: () => grace.s })
  const nowS = clock.now() / 1000
  const pass = (from = 0, to = 300) => testPass(peer, { iat: nowS + from, exp: nowS + to })
  return { clock, book, grace, pass, verified: () => verified }
}

test('verifies a pass once, and knows its peer until the pass ends', async () => {
  const { clock, book, pass, verified } = make()
  assert.is(book.of(peer), undefined)
  for (let i = 0; i < 3; i++) assert.is((await book.admit(peer, pass())).node, 'node-of-peer')
  assert.is(verified(), 1)
  await clock.advance(299_000)
  assert.is(book.of(peer)?.node, 'node-of-peer')
  await clock.advance(1000)
  assert.is(book.of(peer), undefined)
  assert.is((await failureOf(book.admit(peer, pass()))).code, 'E_GRANT')
})

test('refuses what is forged, of another peer or not yet valid, and counts it', async () => {
  const { book, pass } = make()
  for (const token of ['forged', pass(61, 300), testPass('other')])
    assert.is((await failureOf(book.admit(peer, token))).code, 'E_GRANT')
  assert.is((await failureOf(book.admit(peer, 'x'.repeat(100_000)))).code, 'E_GRANT')
  assert.is(book.refused, 4)
  assert.is(book.of(peer), undefined)
})

test('takes a pass from nobody but the holder of its certificate', async () => {
  const { book, clock } = make()
  const nowS = clock.now() / 1000
  const token = testPass(peer, { iat: nowS, exp: nowS + 300, sub: '/O=Example/CN=hv-01' })
  assert.is((await failureOf(book.admitHolder('/O=Example/CN=hv-02', token))).code, 'E_GRANT')
  assert.is((await failureOf(book.admitHolder('/O=Example/CN=hv-01', 'x'.repeat(100_000)))).code, 'E_GRANT')
  assert.is(book.of(peer), undefined)
  assert.is(book.refused, 2)
  assert.is((await book.admitHolder('/O=Example/CN=hv-01', token)).peer, peer)
  assert.ok(book.of(peer))
  book.dismiss(peer)
  assert.is((await failureOf(book.admitHolder('/O=Example/CN=hv-01', token))).code, 'E_GRANT')
})

test('a pass that is refused leaves the one before in force', async () => {
  const { book, pass } = make()
  await book.admit(peer, pass())
  await failureOf(book.admit(peer, 'forged'))
  assert.ok(book.of(peer))
})

test('an older pass, shown late, does not replace a newer one', async () => {
  const { clock, book, pass } = make()
  await book.admit(peer, pass(0, 600))
  await book.admit(peer, pass(0, 300))
  await clock.advance(500_000)
  assert.ok(book.of(peer))
})

test('grace counts while it is given', async () => {
  const { clock, book, grace, pass } = make(1000)
  await book.admit(peer, pass())
  await clock.advance(1_299_000)
  assert.ok(book.of(peer))
  grace.s = 0
  assert.is(book.of(peer), undefined)
  grace.s = 1000
  await clock.advance(1000)
  assert.is(book.of(peer), undefined)
})

test('a peer that was dismissed needs a pass from later', async () => {
  const { clock, book, pass } = make()
  const before = pass()
  await book.admit(peer, before)
  await clock.advance(500)
  book.dismiss(peer)
  assert.is(book.of(peer), undefined)
  assert.match((await failureOf(book.admit(peer, before))).message, /withdrawn/)
  await clock.advance(2000)
  await book.admit(peer, pass(2, 302))
  assert.ok(book.of(peer))
})

test('tells of its own pass when it changes', () => {
  const { book } = make()
  const heard: (string | undefined)[] = []
  const stop = book.listen((own) => heard.push(own))
  book.setOwn('one')
  book.setOwn('one')
  book.setOwn('two')
  book.setOwn(undefined)
  stop()
  book.setOwn('three')
  assert.equal(heard, ['one', 'two', undefined])
  assert.is(book.own(), 'three')
})

test('forgets the peers that were unseen for longest', async () => {
  const { book } = make()
  const key = (i: number) => `peer${i}` as PeerKey
  const show = (i: number) => book.admit(key(i), testPass(key(i), { iat: 1, exp: 4e9 }))
  for (let i = 0; i < PASSES_REMEMBERED_MAX; i++) await show(i)
  await show(0)
  await show(PASSES_REMEMBERED_MAX)
  assert.ok(book.of(key(0)))
  assert.is(book.of(key(1)), undefined)
  assert.ok(book.of(key(2)))
})

test.run()
