// deadline: 240 s
// mostly waits
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { announceOne } from '../../src/api/announce-one.ts'
import type { JoinAnswer } from '../../src/api/swarm-schemas.ts'
import type { TrackerClient } from '../../src/api/tracker-client.ts'
import { DELEGATION_TYPE } from '../../src/core/delegation.ts'
import { parseReference } from '../../src/core/reference.ts'
import type { PeerAddress } from '../../src/core/router.ts'
import type { Connection } from '../../src/exchange/connection.ts'
import { loadIdentity } from '../../src/identity/identity-files.ts'
import { signJws } from '../../src/identity/jws.ts'
import type { Testnet } from '../../testnet/handles.ts'
import { type Enrolled, enrolByHand } from '../../testnet/hostile/enrol.ts'
import { TRACKER_NAME } from '../../testnet/layout.ts'
import { createTestnet } from '../../testnet/testnet.ts'
import { writeDiskImage } from '../fixtures/disk-image.ts'
import { failureOf } from '../fixtures/failure.ts'
import { until } from '../fixtures/hosts.ts'
import { Outsider } from '../fixtures/outsider.ts'
import { missingPrograms, testsThatNeed } from '../fixtures/programs.ts'
import { ReadingMachine } from '../fixtures/reading-machine.ts'
import { assertExportIs, pushImage, withNode } from '../fixtures/testnet-steps.ts'

const MiB = 1024 * 1024
/** Life of passes and grants. */
const LIFE_S = 6
/** Life of a right that is lent; attaching a disk takes less. */
const LENT_S = 15
const REFERENCE = 'site/disk:v1'
const NODES = { kind: 'group', subject: 'nodes', right: 'read' } as const

interface Context {
  dir: string
  testnet: Testnet
  admin: TrackerClient
  clients: TrackerClient[]
  outsiders: Outsider[]
}

const test = suite<Context>('what is taken back')
const withQemu = testsThatNeed(test, missingPrograms('qemu-img', 'qemu-io', 'stdbuf'))

test.before(async (context) => {
  context.dir = await mkdtemp(join(tmpdir(), 'bs-revoke-'))
  context.clients = []
  context.outsiders = []
  context.testnet = await createTestnet({
    nodes: 2,
    config: {
      tracker: {
        grants: { lifetimeSeconds: LIFE_S },
        namespaces: { nodesRead: false },
        users: { onFirstContact: 'active' },
      },
      // The first gives grace while the tracker is away, the second gives none.
      nodes: { 1: { grants: { graceSeconds: 0 } } },
    },
  })
  const { testnet, dir } = context
  context.admin = await testnet.tracker.client()
  const image = join(dir, 'disk.img')
  await writeDiskImage(image, 8 * MiB)
  await pushImage(testnet, image, REFERENCE)
  // Those that hold it keep it, whatever becomes of the others.
  for (const { name: subject } of testnet.nodes)
    await context.admin.signed.changeAcl(place(), { entry: { kind: 'node', subject, right: 'read' } })
  await share(context)
  for (const node of testnet.nodes) await withNode(node, (client) => client.pull(REFERENCE))
})

test.after(async ({ dir, testnet, admin, clients, outsiders }) => {
  for (const client of [admin, ...clients]) await client.close()
  await Promise.all(outsiders.map((outsider) => outsider.stop()))
  await testnet.destroy()
  await rm(dir, { recursive: true })
})

const place = () => {
  const { namespace, name } = parseReference(REFERENCE)
  return { namespace, name }
}
const share = ({ admin }: Context) => admin.signed.changeAcl(place(), { entry: NODES })
const unshare = ({ admin }: Context) =>
  admin.signed.changeAcl(place(), { entry: { ...NODES, right: 'none' } })

/** A node that keeps fetching for as long as anybody lets it. */
class Greedy {
  readonly #client: TrackerClient
  readonly #enrolled: Enrolled
  readonly #outsider: Outsider
  readonly joined: JoinAnswer

  constructor(init: { client: TrackerClient; enrolled: Enrolled; outsider: Outsider; joined: JoinAnswer }) {
    this.#client = init.client
    this.#enrolled = init.enrolled
    this.#outsider = init.outsider
    this.joined = init.joined
  }

  static async join(context: Context, name: string, delegation?: string): Promise<Greedy> {
    const client = await context.testnet.tracker.clientAs('node', name)
    context.clients.push(client)
    const enrolled = await enrolByHand(client, { dn: dnOf(name), tracker: TRACKER_NAME })
    const identity = await loadIdentity(context.testnet.layout.identity(name))
    const outsider = await Outsider.start({ ...enrolled, identity })
    context.outsiders.push(outsider)
    const shown = delegation === undefined ? {} : { delegation }
    const joined = await client.join({ reference: REFERENCE, peer: enrolled.peer, addresses: [], ...shown })
    return new Greedy({ client, enrolled, outsider, joined })
  }

  /** A swarm of the image at this peer, with the pass and the grant that it had at the beginning. */
  async enter(server: PeerAddress): Promise<{ connection: Connection; id: number }> {
    const connection = await this.#outsider.connect(server)
    const { id } = await connection.open(this.joined.manifest, this.joined.grant)
    return { connection, id }
  }

  /** Whether the tracker gives it anything. */
  async ask(delegation?: string): Promise<string> {
    const { peer } = this.#enrolled
    const { manifest } = this.joined
    const shown = delegation === undefined ? {} : { delegation }
    const swarm = { manifest, runs: 0, find: true, grant: true, ...shown }
    const announce = announceOne(this.#client, { peer, addresses: [], swarm })
    const { code } = await failureOf(announce).catch(() => ({ code: 'given' }))
    return code ?? 'unknown'
  }

  pass(): Promise<unknown> {
    return this.#client.pass({ peer: this.#enrolled.peer })
  }
}

const dnOf = (name: string) => `/O=Testnet/OU=nodes/CN=${name}`

async function gives({ connection, id }: { connection: Connection; id: number }): Promise<boolean> {
  if (connection.closed) return false
  const { answer } = connection.want({ id, run: 0, missing: new Uint8Array([1]) })
  return await Promise.race([
    answer.then(
      () => true,
      () => false,
    ),
    until(() => connection.closed).then(
      () => false,
      () => false,
    ),
  ])
}

/** Seconds until a swarm gives nothing more. */
async function secondsUntilShut(swarm: { connection: Connection; id: number }): Promise<number> {
  const startMs = performance.now()
  while (await gives(swarm)) {
    if (performance.now() - startMs > 60_000) throw new RangeError('it goes on giving')
    await sleep(100)
  }
  return (performance.now() - startMs) / 1000
}

function serversOf({ testnet }: Context, { joined }: Greedy) {
  const find = (peer: string | undefined) => joined.peers.find((address) => address.peer === peer)
  const [origin, grace, strict] = [testnet.tracker.peer, testnet.nodes[0]?.peer, testnet.nodes[1]?.peer].map(
    find,
  )
  assert.ok(origin && grace && strict)
  return { origin, grace, strict }
}

/** All give nothing more: the origin soon, others within the life of passes and grants. */
async function assertShut(greedy: Greedy, context: Context, swarms: Awaited<ReturnType<typeof enterAll>>) {
  const [atOrigin, ...atPeers] = await Promise.all(swarms.map(secondsUntilShut))
  assert.ok(atOrigin !== undefined && atOrigin < 3, `origin: ${atOrigin} s`)
  for (const seconds of atPeers) assert.ok(seconds <= LIFE_S + 1, `peer: ${seconds} s`)
  const servers = Object.values(serversOf(context, greedy))
  for (const server of servers) await failureOf(greedy.enter(server))
}

async function enterAll(context: Context, greedy: Greedy) {
  const swarms = await Promise.all(Object.values(serversOf(context, greedy)).map((one) => greedy.enter(one)))
  for (const swarm of swarms) assert.ok(await gives(swarm))
  return swarms
}

test('an image that is not shared any more is given to nobody within the life of a grant', async (context) => {
  const greedy = await Greedy.join(context, 'unshared')
  const swarms = await enterAll(context, greedy)
  assert.is(await greedy.ask(), 'given')
  await unshare(context)
  assert.is(await greedy.ask(), 'E_NOT_AUTHORISED')
  await assertShut(greedy, context, swarms)
  await greedy.pass()
  await share(context)
  assert.is(await greedy.ask(), 'given')
})

test('what a user has lent ends with the account', async (context) => {
  const { testnet, admin } = context
  await unshare(context)
  const lender = await testnet.tracker.clientAs('user', 'lender')
  context.clients.push(lender)
  await lender.whoami()
  await admin.signed.changeAcl(place(), { entry: { kind: 'user', subject: 'lender', right: 'read' } })
  const iat = Math.floor(Date.now() / 1000)
  const claims = { node: dnOf('borrower'), ...place(), aud: TRACKER_NAME, iat, exp: iat + 3600 }
  const identity = await loadIdentity(testnet.layout.identity('lender'))
  const delegation = await signJws(identity, claims, { typ: DELEGATION_TYPE })
  const greedy = await Greedy.join(context, 'borrower', delegation)
  assert.is(await greedy.ask(), 'E_NOT_AUTHORISED', 'nothing by its own right')
  assert.is(await greedy.ask(delegation), 'given')
  const swarms = await enterAll(context, greedy)
  const done = await testnet.cli(['user', 'suspend', 'lender'])
  assert.is(done.code, 0, done.stderr)
  assert.is(await greedy.ask(delegation), 'E_NOT_AUTHORISED')
  await assertShut(greedy, context, swarms)
  await share(context)
})

test('a pull or a disk by delegation fetches what the user may read and the node may not', async (context) => {
  const { testnet, dir } = context
  const image = join(dir, 'private.img')
  await writeDiskImage(image, 4 * MiB)
  await pushImage(testnet, image, 'site/private:v1')
  const refused = await testnet.cli(['image', 'pull', 'site/private:v1'])
  assert.is(refused.code, 4)
  assert.match(refused.stderr, /the same command with --delegate \(image pull, disk attach\)/)
  const attach = ['disk', 'attach', 'site/private:v1', '--no-fill', '--name', 'private']
  assert.is((await testnet.cli(attach)).code, 4)
  const attached = await testnet.cli([...attach, '--delegate', '-o', 'json'])
  assert.is(attached.code, 0, attached.stderr)
  assert.is(JSON.parse(attached.stdout).complete, false)
  assert.is((await testnet.cli(['disk', 'detach', 'private'])).code, 0)
  const done = await testnet.cli(['image', 'pull', 'site/private:v1', '--delegate', '-o', 'json'])
  assert.is(done.code, 0, done.stderr)
  const [node] = testnet.nodes
  assert.ok(node)
  await assertExportIs(node, 'site/private:v1', image)
  const wrong = await testnet.cli(['image', 'pull', 'site/private:v1', '--delegate', '--delegate-for', '25'])
  assert.is(wrong.code, 2)
})

withQemu(
  'a right that was lent ends under a disk: its machine reads what is here, waits, and is helped',
  async (context) => {
    const { testnet, dir } = context
    const image = join(dir, 'lent.img')
    await writeDiskImage(image, 8 * MiB, 7)
    await pushImage(testnet, image, 'site/lent:v1')
    const [node] = testnet.nodes
    assert.ok(node)
    const overlay = join(dir, 'lent.qcow2')
    const attach = ['disk', 'attach', 'site/lent:v1', '--no-fill', '--overlay', overlay, '--delegate']
    const attached = await testnet.cli([...attach, '--delegate-for', String(LENT_S / 3600)])
    assert.is(attached.code, 0, attached.stderr)
    const endsMs = Date.now() + LENT_S * 1000
    const machine = new ReadingMachine({ overlay, image })
    try {
      await machine.reads(MiB)
      await until(() => Date.now() > endsMs)
      // Its disks come back without the tracker; the tracker says no to what it announces then.
      await node.kill('SIGKILL')
      await node.restart()
      const disk = () => withNode(node, (client) => client.disks.get('site-lent-1'))
      await until(async () => (await disk()).reason !== undefined)
      assert.match(
        (await disk()).reason ?? '',
        /lend it again: bootswarm disk attach site\/lent@1 --delegate$/,
      )
      await machine.reads(MiB)
      const waiting = machine.reads(6 * MiB)
      await until(async () => (await disk()).state === 'stalled')
      const { stderr } = await testnet.cli(['disk', 'ls'])
      assert.match(stderr, /^site-lent-1: what is missing waits: /m)
      const again = await testnet.cli(attach)
      assert.is(again.code, 0, again.stderr)
      await waiting
      const { state, reason, figures } = await disk()
      assert.equal([state, reason, figures?.errors], ['ready', undefined, 0])
    } finally {
      await machine.end()
    }
  },
)

test('a revoked node gets nothing more from the tracker at once, and from peers within the life of a pass', async (context) => {
  const { testnet } = context
  const greedy = await Greedy.join(context, 'stolen')
  const swarms = await enterAll(context, greedy)
  const done = await testnet.cli(['node', 'revoke', 'stolen'])
  assert.is(done.code, 0, done.stderr)
  assert.is(await greedy.ask(), 'E_NOT_AUTHORISED')
  assert.is((await failureOf(greedy.pass())).code, 'E_NOT_AUTHORISED')
  await assertShut(greedy, context, swarms)
  const listed = await testnet.cli(['node', 'ls', '--state', 'revoked', '-o', 'name'])
  assert.is(listed.stdout, 'stolen\n')
})

test('a real node that is revoked says so, and its pulls end', async (context) => {
  const { testnet } = context
  const [node] = testnet.nodes
  assert.ok(node)
  await testnet.cli(['node', 'revoke', 'node-1'])
  await until(async () => (await withNode(node, (client) => client.status())).enrolment.state === 'revoked')
  assert.is((await failureOf(withNode(node, (client) => client.pull(REFERENCE)))).code, 'E_NOT_AUTHORISED')
  assert.is((await withNode(node, (client) => client.status())).peers, 0)
  const enrolled = await testnet.cli(['node', 'enroll'])
  assert.is(enrolled.code, 4, 'nor by enrolling again')
  assert.match(enrolled.stdout, /revoked/)
  await testnet.cli(['node', 'approve', 'node-1'])
  assert.is((await testnet.cli(['node', 'enroll'])).code, 0)
  assert.ok((await withNode(node, (client) => client.pull(REFERENCE))).blocks.total > 0)
})

test('while the tracker is gone, ended passes and grants count at those who give grace, and at nobody else', async (context) => {
  const { testnet } = context
  const greedy = await Greedy.join(context, 'survivor')
  const servers = serversOf(context, greedy)
  const [atGrace, atStrict] = [await greedy.enter(servers.grace), await greedy.enter(servers.strict)]
  assert.ok((await gives(atGrace)) && (await gives(atStrict)))
  await testnet.tracker.kill('SIGKILL')
  assert.ok((await secondsUntilShut(atStrict)) <= LIFE_S + 1)
  await sleep(LIFE_S * 1000)
  assert.ok(await gives(atGrace))
  assert.ok(await gives(await greedy.enter(servers.grace)), 'also to those who come again')
  await failureOf(greedy.enter(servers.strict))
})

test.run()
