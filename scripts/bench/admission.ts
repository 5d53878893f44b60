import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { EnrolAnswer } from '../../src/api/node-enrolment-schemas.ts'
import type { JoinAnswer } from '../../src/api/swarm-schemas.ts'
import { TRACKER_PATHS } from '../../src/api/tracker-paths.ts'
import type { Admission } from '../../src/core/admission.ts'
import { BootswarmError, InternalError, TimeoutError } from '../../src/core/errors.ts'
import { silentLog } from '../../src/core/log.ts'
import type { Pass } from '../../src/core/pass.ts'
import type { PeerAddress } from '../../src/core/router.ts'
import { signPeerProof } from '../../src/identity/peer-proof.ts'
import { createHost, type Libp2pHost } from '../../src/p2p/libp2p-host.ts'
import type { Testnet } from '../../testnet/handles.ts'
import { TRACKER_NAME } from '../../testnet/layout.ts'
import { createTestnet } from '../../testnet/testnet.ts'
import { type CrowdNode, makeCrowd } from './admission/crowd.ts'
import { LightClient } from './admission/light-client.ts'
import type { BenchOptions } from './bench.ts'
import { type Row, rowOf } from './row.ts'

/** All of them arrive within this time, evenly. */
const WINDOW_MS = 10_000
/** Whoever is not admitted by then counts as refused; well past what the tracker gives a stranger. */
const ADMITTED_WITHIN_MS = 60_000
/** Time for the answer to a pass after a dial that failed in its last step: strangers are dropped after 15 s. */
const AFTER_DIAL_MS = 20_000
const REFERENCE = 'site/disk'
const IMAGE_BYTES = 4 * 1024 * 1024
/** Peers that only dial are patient: what is measured is whom the tracker refuses, not whom this process is too slow for. */
const PATIENT = {
  dialTimeoutMs: 120_000,
  addressDialTimeoutMs: 120_000,
  passTimeoutMs: 120_000,
  negotiationTimeoutMs: 120_000,
}

/** What became of each node, and what it cost the tracker. */
interface Outcome {
  readonly seconds: readonly number[]
  readonly failures: readonly string[]
  readonly trackerCpuSeconds: number
}

/** A thousand nodes that enrol, join and dial the tracker's peer within ten seconds. */
export async function run(options: BenchOptions): Promise<Row[]> {
  const { say, nodes } = options
  const testnet = await createTestnet({ nodes: 0 })
  const clients: LightClient[] = []
  const hosts: Libp2pHost[] = []
  try {
    await push(testnet, options)
    say(`admission: making ${nodes} nodes`)
    const crowd = await makeCrowd(testnet.layout.identity('ca'), nodes)
    const caPem = await readFile(testnet.layout.identity('ca').certificate, 'utf8')
    const { url } = testnet.tracker
    for (const node of crowd) clients.push(new LightClient({ url, caPem, node }))
    const proofs = await Promise.all(crowd.map((node) => proofOf(node)))
    say('admission: they enrol and join')
    const passes = new Map<CrowdNode, string>()
    let origin: PeerAddress | undefined
    const joined = await arrive(testnet, crowd, async (node, n) => {
      const client = clients[n]
      if (client === undefined) throw new InternalError('a node without a client')
      const { peer } = node
      const enrolled = await client.post<EnrolAnswer>(TRACKER_PATHS.nodes, { peer, proof: proofs[n] ?? '' })
      passes.set(node, enrolled.pass?.pass ?? '')
      const place = { reference: REFERENCE, peer, addresses: ['/ip4/192.0.2.1/tcp/4002'] }
      const { peers } = await client.post<JoinAnswer>(TRACKER_PATHS.join, place)
      origin ??= peers.find((one) => one.origin === true)
    })
    tell(options, 'enrol and join', joined)
    const target = origin
    if (target === undefined) throw new InternalError('nobody was told of the origin')
    say('admission: they dial')
    const arrivals = new Map<CrowdNode, Promise<void>>()
    for (const node of crowd) {
      const { host, admitted } = await dialler(node, passes.get(node) ?? '')
      hosts.push(host)
      arrivals.set(node, admitted)
    }
    const dialled = await arrive(testnet, crowd, async (node, n) => {
      await within(arrivals.get(node), hosts[n]?.open(target))
    })
    tell(options, 'dial with a pass', dialled)
    return [...rowsOf('enrol and join', joined), ...rowsOf('dial with a pass', dialled)]
  } finally {
    for (const client of clients) client.close()
    await Promise.all(hosts.map((host) => host.stop()))
    await testnet.destroy()
  }
}

async function push(testnet: Testnet, { dir }: BenchOptions): Promise<void> {
  const path = join(dir, 'disk.img')
  await writeFile(path, randomBytes(IMAGE_BYTES))
  const { code, stderr } = await testnet.cli(['image', 'push', path, REFERENCE])
  if (code !== 0) throw new InternalError(`could not push: ${stderr}`)
}

async function proofOf({ peerKey, dn }: CrowdNode): Promise<string> {
  return await signPeerProof(peerKey, { dn, aud: TRACKER_NAME, iat: Math.floor(Date.now() / 1000) })
}

/** Lets the nodes come one after the other, none waiting for another. */
async function arrive(
  testnet: Testnet,
  crowd: readonly CrowdNode[],
  come: (node: CrowdNode, n: number) => Promise<void>,
): Promise<Outcome> {
  const seconds: number[] = []
  const failures: string[] = []
  const before = await cpuSeconds(testnet.tracker.pid)
  await Promise.all(
    crowd.map(async (node, n) => {
      await sleep((n * WINDOW_MS) / crowd.length)
      const begin = performance.now()
      try {
        await come(node, n)
        seconds.push((performance.now() - begin) / 1000)
      } catch (error) {
        failures.push(textOf(error))
      }
    }),
  )
  return { seconds, failures, trackerCpuSeconds: (await cpuSeconds(testnet.tracker.pid)) - before }
}

/** A peer that only dials and shows its pass; `admitted` when the other side has shown its own in return. */
async function dialler(
  node: CrowdNode,
  pass: string,
): Promise<{ host: Libp2pHost; admitted: Promise<void> }> {
  const admitted = Promise.withResolvers<void>()
  const anybody: Pass = {
    node: '',
    sub: '',
    peer: node.peer,
    labels: {},
    iat: 0,
    exp: Number.MAX_SAFE_INTEGER,
  }
  const admission: Admission = {
    own: () => pass,
    admit: async (peer) => {
      admitted.resolve()
      return { ...anybody, peer }
    },
    of: () => anybody,
    listen: () => () => {},
  }
  const init = { privateKey: node.peerKey, listen: [], limits: PATIENT }
  const host = await createHost({ log: silentLog, admission }, init)
  await host.start()
  return { host, admitted: admitted.promise }
}

/** Resolves when a peer is admitted. Errors: that of the dial, TimeoutError. */
async function within(
  admitted: Promise<void> | undefined,
  opened: Promise<unknown> | undefined,
): Promise<void> {
  const given = Promise.withResolvers<void>()
  // The dial may fail after the passes were shown, which is what counts: the origin need not take channels of this kind.
  opened?.catch((error: unknown) => setTimeout(() => given.reject(error), AFTER_DIAL_MS))
  const late = setTimeout(
    () => given.reject(new TimeoutError('it was not admitted in time')),
    ADMITTED_WITHIN_MS,
  )
  await Promise.race([admitted, given.promise]).finally(() => clearTimeout(late))
}

/** CPU time of a process with all its threads (proc(5): fields 14 and 15 of stat, in hundredths of a second). */
async function cpuSeconds(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const own =
    error instanceof BootswarmError ? `${error.code}: ${error.message}` : `${error.name}: ${error.message}`
  return error.cause === undefined ? own : `${own} ← ${textOf(error.cause)}`
}

/** Says the figures of a step, and each failure with how often it happened. */
function tell({ say }: BenchOptions, figure: string, outcome: Outcome): void {
  for (const row of rowsOf(figure, outcome)) say(`${row.figure}: ${row.value.toFixed(1)} ${row.unit}`)
  const times = new Map<string, number>()
  for (const text of outcome.failures) {
    // names of peers and ports differ
    const kind = text.replaceAll(/12D3Koo\w+/g, 'PEER').replaceAll(/:\d{4,5}\b/g, ':PORT')
    times.set(kind, (times.get(kind) ?? 0) + 1)
  }
  for (const [kind, count] of times) say(`${figure}: ${count} times ${kind}`)
}

function rowsOf(figure: string, { seconds, failures, trackerCpuSeconds }: Outcome): Row[] {
  const sorted = seconds.toSorted((a, b) => a - b)
  const quantile = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
  const bench = 'admission'
  const nodes = sorted.length + failures.length
  const first = failures[0] === undefined ? {} : { note: `the first: ${failures[0].slice(0, 120)}` }
  return [
    rowOf({
      bench,
      figure: `${figure}: refused of ${nodes}`,
      value: failures.length,
      unit: 'nodes',
      goal: { atMost: 0 },
      ...first,
    }),
    rowOf({ bench, figure: `${figure}: median`, value: quantile(0.5) * 1000, unit: 'ms' }),
    rowOf({ bench, figure: `${figure}: 99 % under`, value: quantile(0.99) * 1000, unit: 'ms' }),
    rowOf({
      bench,
      figure: `${figure}: CPU of the tracker`,
      value: (trackerCpuSeconds / nodes) * 1000,
      unit: 'ms a node',
    }),
  ]
}
