import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Registry } from 'prom-client'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { TRUST_POLL_MS } from '../../src/core/limits.ts'
import type { Identity } from '../../src/identity/identity-files.ts'
import { Trust } from '../../src/identity/trust.ts'
import { addTrustMetrics } from '../../src/identity/trust-metrics.ts'
import { TrustWatcher } from '../../src/identity/trust-watcher.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'
import { type LogLine, recordingLog } from '../fixtures/recording-log.ts'
import { withScratch } from '../fixtures/scratch.ts'
import { Site } from '../fixtures/site.ts'

const test = suite('trust watcher')
const DAY_MS = 24 * 3600 * 1000

let site: Site
let alice: Identity
test.before(async () => {
  site = await Site.create()
  alice = await site.issue({ kind: 'user', commonName: 'Alice' })
})

interface Watch {
  readonly dir: string
  readonly trust: Trust
  readonly clock: FakeClock
  readonly lines: readonly LogLine[]
  readonly watcher: TrustWatcher
  /** How often the watcher has told of a change. */
  readonly changes: () => number
}

/** A watcher over ca.pem and lists/ in a folder that goes away. */
const watching =
  (task: (watch: Watch) => Promise<void>, files: Record<string, string> = {}) =>
  () =>
    withScratch(async (dir) => {
      await writeFile(join(dir, 'ca.pem'), site.ca.certificatePem)
      for (const [name, text] of Object.entries(files)) await writeFile(join(dir, name), text)
      const trust = await Trust.load({ ca: dir })
      const clock = new FakeClock(Date.now())
      const { log, lines } = recordingLog()
      let count = 0
      const watcher = new TrustWatcher(
        { identity: { trust, refresh: (options) => trust.refresh(options) }, clock, log },
        { changed: () => void count++ },
      )
      try {
        await task({ dir, trust, clock, lines, watcher, changes: () => count })
      } finally {
        await watcher.stop()
      }
      assert.is(clock.pending, 0)
    })

/** Lets a minute pass, and what it causes happen. */
async function minute({ clock, watcher }: Watch): Promise<void> {
  await clock.advance(TRUST_POLL_MS)
  await watcher.settled()
}

test(
  'reads files again a minute after they changed',
  watching(async (watch) => {
    await minute(watch)
    assert.is(watch.changes(), 0)
    await writeFile(join(watch.dir, 'ca.crl'), site.crl(alice))
    assert.is(watch.trust.lists.length, 0)
    await minute(watch)
    assert.equal([watch.changes(), watch.trust.lists.length], [1, 1])
    await minute(watch)
    assert.is(watch.changes(), 1)
  }),
)

test(
  'reads files at once when told so, changed or not',
  watching(async (watch) => {
    await watch.watcher.reload()
    assert.is(watch.changes(), 1)
    await writeFile(join(watch.dir, 'ca.crl'), site.crl(alice))
    await Promise.all([watch.watcher.reload(), watch.watcher.reload()])
    assert.is(watch.trust.lists.length, 1)
  }),
)

test(
  'keeps what it had when files go bad, says so once, and takes up what is good again',
  watching(async (watch) => {
    const failures = () => watch.lines.filter(({ level }) => level === 'error').length
    await rm(join(watch.dir, 'ca.pem'))
    await minute(watch)
    await minute(watch)
    assert.is(failures(), 1)
    assert.match(watch.watcher.failure ?? '', 'no self-signed authority')
    assert.is(watch.trust.pem, site.ca.certificatePem)
    await writeFile(join(watch.dir, 'ca.pem'), site.ca.certificatePem)
    await writeFile(join(watch.dir, 'ca.crl'), site.crl())
    await minute(watch)
    assert.is(watch.watcher.failure, undefined)
    assert.is(watch.changes(), 1)
  }),
)

test(
  'says what needs mending, at the start and after a change',
  watching(
    async (watch) => {
      const warnings = () => watch.lines.filter(({ level }) => level === 'warn').length
      assert.is(warnings(), 1)
      await minute(watch)
      assert.is(warnings(), 1)
      await writeFile(join(watch.dir, 'bad.pem'), 'nothing at all, and not left out for that')
      await writeFile(join(watch.dir, 'ca.crl'), 'nothing')
      await minute(watch)
      assert.is(warnings(), 3)
    },
    { 'worse.pem': '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n' },
  ),
)

test('says once that a list has ended', async () => {
  const files = { 'ca.crl': site.crl() }
  await watching(async (watch) => {
    await watch.clock.leap(31 * DAY_MS)
    await watch.watcher.settled()
    for (let i = 0; i < 3; i++) await minute(watch)
    const ended = watch.lines.filter(({ message }) => message.includes('has ended'))
    assert.is(ended.length, 1)
  }, files)()
})

test(
  'does nothing after it was stopped',
  watching(async (watch) => {
    await watch.watcher.stop()
    await writeFile(join(watch.dir, 'ca.crl'), site.crl(alice))
    await minute(watch)
    assert.is(watch.changes(), 0)
  }),
)

test(
  'shows in metrics when something ends',
  watching(async (watch) => {
    const registry = new Registry()
    addTrustMetrics(registry, {
      prefix: 'x',
      identity: { ...alice, trust: watch.trust },
      watcher: watch.watcher,
    })
    const expiry = `x_cert_expiry_timestamp_seconds ${alice.principal.notAfterMs / 1000}`
    assert.match(await registry.metrics(), expiry)
    assert.match(await registry.metrics(), 'x_trust_stale 0')
    await writeFile(join(watch.dir, 'ca.crl'), site.crl())
    await minute(watch)
    assert.match(
      await registry.metrics(),
      /x_crl_next_update_timestamp_seconds\{issuer="\/O=Example\/CN=Example CA"\} \d{10}\n/,
    )
    await rm(join(watch.dir, 'ca.pem'))
    await minute(watch)
    assert.match(await registry.metrics(), 'x_trust_stale 1')
  }),
)

test.run()
