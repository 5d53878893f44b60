import { chmod, mkdir, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { loadNodeConfig } from '../../../node/config.ts'
import { examineNode } from '../../../node/doctor/doctor.ts'
import { type RunningNode, startNode } from '../../../node/node.ts'
import type { Finding } from '../../../src/api/finding.ts'
import { type Clock, systemClock } from '../../../src/core/clock.ts'
import { silentLog } from '../../../src/core/log.ts'
import type { Tracker } from '../../../tracker/tracker.ts'
import { TRACKER_NAME, TrackerSite } from '../../fixtures/tracker.ts'

const test = suite<{ site: TrackerSite; tracker: Tracker; node: RunningNode }>('doctor')
const DAY_MS = 24 * 3_600_000

test.before(async (context) => {
  context.site = await TrackerSite.create()
  const { site } = context
  await issue(site, 'node', 365)
  await issue(site, 'short', 10)
  context.tracker = await site.start()
  const config = await loadNodeConfig(await configured(context, {}))
  context.node = await startNode({ log: silentLog }, config)
})
test.after(async ({ site, tracker, node }) => {
  await node?.stop()
  await tracker?.stop()
  await site?.remove()
})

async function issue(site: TrackerSite, name: string, days: number): Promise<void> {
  const own = await site.site.issue({ kind: 'node', commonName: 'hv1', days })
  await writeFile(join(site.dir, `${name}.pem`), own.certificatePem)
  await writeFile(join(site.dir, `${name}.key`), own.keyPem, { mode: 0o600 })
}

interface Odd {
  url?: string
  name?: string
  dataDir?: string
  certificate?: string
  socket?: string
  p2p?: object
}

async function configured({ site, tracker }: { site: TrackerSite; tracker: Tracker }, odd: Odd) {
  const {
    url = tracker.url,
    name = TRACKER_NAME,
    dataDir = 'node',
    certificate = 'node',
    socket = 'node.sock',
  } = odd
  const path = join(site.dir, 'node.yaml')
  const config = {
    ...{ dataDir, tracker: { url, name }, control: { socket } },
    identity: { certificate: `${certificate}.pem`, key: `${certificate}.key`, ca: 'ca.pem' },
    p2p: odd.p2p ?? { listen: ['/ip4/127.0.0.1/tcp/0'] },
  }
  await writeFile(path, JSON.stringify(config))
  return path
}

interface Examined {
  all: Finding[]
  of(check: string): Finding
}

async function examine(
  site: { site: TrackerSite; tracker: Tracker },
  odd: Odd = {},
  clock: Clock = systemClock,
): Promise<Examined> {
  const all = await examineNode({ config: await configured(site, odd) }, { clock })
  const of = (check: string) => {
    const found = all.find((finding) => finding.check === check)
    assert.ok(found, check)
    return found as Finding
  }
  return { all, of }
}

/** The system's clock, so much ahead. */
function ahead(ms: number): Clock {
  return { ...systemClock, now: () => Date.now() + ms }
}

test('finds no failure where tracker and node run', async (context) => {
  const { all, of } = await examine(context)
  assert.equal(
    all.filter(({ state }) => state === 'failure'),
    [],
  )
  for (const check of [
    'configuration',
    'certificate',
    'authorities',
    'dns',
    'tracker',
    'clock',
    'peers',
    'disks',
    'data',
  ])
    assert.is(of(check).state, 'ok', JSON.stringify(of(check)))
  assert.is(of('enrolment').state, 'ok', of('enrolment').found)
  assert.match(of('certificate').found, 'CN=hv1')
  assert.match(of('files').found, `process ${process.pid}`)
  assert.ok(
    all.every(({ state, advice }) => state === 'ok' || (advice?.length ?? 0) > 10),
    'each says what to do',
  )
})

test('never shows a key', async (context) => {
  const { all } = await examine(context)
  assert.not.match(JSON.stringify(all), /PRIVATE|BEGIN/)
})

test('a clock that is ten minutes off fails, half a minute is a warning', async (context) => {
  const wrong = (await examine(context, {}, ahead(600_000))).of('clock')
  assert.is(wrong.state, 'failure')
  assert.match(wrong.found, /^(599|600|601) s ahead of the tracker$/)
  assert.is(
    (await examine(context, {}, ahead(-600_000))).of('tracker').state,
    'failure',
    'the certificate is of tomorrow',
  )
  assert.is((await examine(context, {}, ahead(30_000))).of('clock').state, 'warning')
})

test('a certificate is looked at: its end, its key, its mode', async (context) => {
  const { dir } = context.site
  const near = (await examine(context, { certificate: 'short' })).of('certificate')
  assert.is(near.state, 'warning')
  assert.match(near.found, 'it ends in 9 days')
  const expired = (await examine(context, { certificate: 'short' }, ahead(11 * DAY_MS))).of('certificate')
  assert.is(expired.state, 'failure')
  assert.match(expired.found, /expired|not valid/)
  await symlink(join(dir, 'node.pem'), join(dir, 'pair.pem'))
  await symlink(join(dir, 'short.key'), join(dir, 'pair.key'))
  assert.match((await examine(context, { certificate: 'pair' })).of('certificate').found, 'does not belong')
  assert.match((await examine(context, { certificate: 'missing' })).of('certificate').found, 'does not exist')
  await chmod(join(dir, 'short.key'), 0o644)
  assert.match((await examine(context, { certificate: 'short' })).of('certificate').found, 'mode 0644')
})

test('a tracker that is dead, or another, fails', async (context) => {
  const dead = await examine(context, { url: 'https://127.0.0.1:1' })
  assert.is(dead.of('tracker').state, 'failure')
  assert.match(dead.of('tracker').found, 'cannot be reached')
  assert.is(dead.of('clock').state, 'warning')
  const other = (await examine(context, { name: 'other.example' })).of('tracker')
  assert.is(other.state, 'failure')
  assert.match(other.found, 'no acceptable TLS connection')
  assert.is((await examine(context, { url: 'https://nobody.invalid:8443' })).of('dns').state, 'failure')
})

test('a tracker that is silent takes no longer than its time', async (context) => {
  const silent: Server = createServer(() => {})
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const address = silent.address() as { port: number }
  const config = await configured(context, { url: `https://127.0.0.1:${address.port}` })
  try {
    const started = performance.now()
    const all = await examineNode({ config, timeoutMs: 500 }, { clock: systemClock })
    assert.ok(performance.now() - started < 5_000)
    const tracker = all.find(({ check }) => check === 'tracker')
    assert.is(tracker?.state, 'failure')
    assert.match(tracker?.found ?? '', 'nothing is known after 0.5 s')
  } finally {
    silent.close()
  }
})

test('a data directory that cannot be written, or is not there, fails or warns', async (context) => {
  const closed = (await examine(context, { dataDir: '/proc/self' })).of('data')
  assert.is(closed.state, 'failure')
  assert.match(closed.found, '/proc/self cannot be written')
  assert.is((await examine(context, { dataDir: 'later' })).of('data').state, 'warning')
  assert.is((await examine(context, { dataDir: 'no/where' })).of('data').state, 'failure')
  assert.is((await examine(context, { dataDir: 'node.pem' })).of('data').state, 'failure')
  const open = join(context.site.dir, 'open')
  await mkdir(open)
  await chmod(open, 0o777)
  assert.match((await examine(context, { dataDir: 'open' })).of('data').found, 'by everybody')
})

test('a daemon that does not run is told from one that has gone', async (context) => {
  const none = await examine(context, { socket: 'none.sock', dataDir: 'later' })
  assert.is(none.of('socket').state, 'failure')
  assert.match(none.of('socket').found, 'no daemon runs')
  assert.is(none.of('enrolment').state, 'warning')
  const { dir } = context.site
  await writeFile(join(dir, 'file.sock'), '')
  assert.match((await examine(context, { socket: 'file.sock' })).of('socket').found, 'is no socket')
  const path = join(dir, 'mute.sock')
  const mute = createServer((socket) => socket.destroy()).listen(path)
  try {
    await new Promise((resolve) => mute.once('listening', resolve))
    await chmod(path, 0o660)
    const gone = await examine(context, { socket: 'mute.sock', dataDir: 'later' })
    assert.match(gone.of('socket').found, 'nobody answers')
    assert.match(gone.of('leftovers').found, 'of a daemon that is gone')
    const held = await examine(context, { socket: 'mute.sock' })
    assert.match(held.of('socket').found, `process ${process.pid} has the data`)
    await chmod(path, 0o666)
    assert.match((await examine(context, { socket: 'mute.sock' })).of('socket').found, 'open to everybody')
  } finally {
    mute.close()
  }
})

test('files that a kill left behind are named when they are old', async (context) => {
  const path = join(context.site.dir, 'node', 'pass.jwt.partial')
  await writeFile(path, '')
  assert.is((await examine(context)).of('leftovers').state, 'ok')
  await utimes(path, 0, 0)
  assert.equal((await examine(context)).of('leftovers').found, path)
  await rm(path)
})

test('ports that others have, and addresses that lead elsewhere', async (context) => {
  const other = createServer()
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  const { port } = other.address() as { port: number }
  const p2p = {
    listen: [`/ip4/0.0.0.0/tcp/${port}`],
    announce: [
      '/ip4/192.0.2.1/tcp/4002',
      '/ip4/127.0.0.1/tcp/4002',
      '/dns4/nobody.invalid/tcp/4002',
      '/unix/x',
    ],
  }
  try {
    const { all, of } = await examine(context, { p2p, socket: 'none.sock' })
    assert.match(of('ports').found, 'another program listens')
    const announced = all.filter(({ check }) => check === 'address').map(({ state }) => state)
    assert.equal(announced, ['warning', 'ok', 'failure', 'warning'])
  } finally {
    await new Promise((resolve) => other.close(resolve))
  }
  const { of } = await examine(context, { p2p })
  assert.match(of('ports').found, 'nobody listens')
})

test('a configuration that is wrong is all that is found', async (context) => {
  const path = join(context.site.dir, 'wrong.yaml')
  await writeFile(path, 'dataDir: x\n')
  const [finding, ...more] = await examineNode({ config: path }, { clock: systemClock })
  assert.equal([finding?.check, finding?.state, more.length], ['configuration', 'failure', 0])
})

test.run()
