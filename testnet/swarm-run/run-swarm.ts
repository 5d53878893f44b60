import { rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { PullProgress, PullResult } from '../../src/api/node-schemas.ts'
import { TimeoutError } from '../../src/core/errors.ts'
import type { Arena, ArenaHost, Traffic } from '../arena/arena.ts'
import { mapLimit } from '../concurrency.ts'
import type { NodeHandle, Testnet } from '../handles.ts'
import { firstDifference } from '../images/compare.ts'
import { pushImage } from '../peers/bootswarm.ts'
import { cpuSecondsOf } from '../processes.ts'
import { originSentBytes } from '../scenarios/origin-sent.ts'
import { createTestnet } from '../testnet.ts'
import { withNode } from '../with-node.ts'
import { type CurvePoint, meanShare, type NodeRun, type SwarmRun, shareOf } from './swarm-run.ts'

export const SWARM_IMAGE = 'arena/image:latest'
const EXPORTS_AT_ONCE = 2

/** A tracker on the first host of an arena, nodes on the others, and an image that was pushed. */
export interface Field {
  readonly arena: Arena
  readonly testnet: Testnet
  readonly origin: ArenaHost
  /** In the order of the testnet's nodes. */
  readonly hosts: readonly ArenaHost[]
  readonly file: string
}

/** Starts the daemons and pushes the file. `nodes`: how many hosts get one, the first ones; default all. */
export async function openField(init: {
  arena: Arena
  file: string
  name: string
  nodes?: number
}): Promise<Field> {
  const { arena, file, name } = init
  const [origin, ...all] = arena.hosts
  if (origin === undefined) throw new TimeoutError('an arena has no hosts')
  const hosts = all.slice(0, init.nodes ?? all.length)
  const testnet = await createTestnet({
    nodes: hosts.length,
    dir: join(arena.dir, name),
    places: { tracker: origin, nodes: hosts },
  })
  try {
    await pushImage(testnet, file, SWARM_IMAGE)
    return { arena, testnet, origin, hosts, file }
  } catch (error) {
    await testnet.destroy()
    throw error
  }
}

/** One node in the middle of a run. */
export interface Runner {
  readonly index: number
  readonly node: NodeHandle
  progress: PullProgress | undefined
  /** Complete, or failed. */
  ended: boolean
}

export interface RunInit {
  /** Nodes that start with the clock, by index; default all. */
  readonly starters?: readonly number[]
  /** Happens once, when the starters' mean share has come to `at`. May start more nodes, which belong to the run as well. */
  readonly incident?: {
    readonly at: number
    act(stage: Stage): Promise<void>
  }
  /** The run ends with an error for nodes that are not complete by then. */
  readonly deadlineSeconds: number
  /** Nodes that are not waited for, by index, and not compared. */
  readonly lost?: readonly number[]
}

/** What an incident can touch. */
export interface Stage {
  readonly field: Field
  readonly runners: readonly Runner[]
  start(indices: readonly number[]): void
  /** Resolves when the mean share of these nodes is at least `share`, or none of them goes on. */
  until(indices: readonly number[], share: number): Promise<void>
}

const LOOK_MS = 50

/** Lets nodes pull the image, and looks at what it cost. The comparison of exports comes after the clock. */
export async function runSwarm(field: Field, init: RunInit): Promise<SwarmRun> {
  return await new Runs(field, init).run()
}

interface Pulled {
  readonly startSeconds: number
  readonly curve: CurvePoint[]
  seconds?: number
  pull?: PullResult
  failure?: string
  cpuSeconds?: number | undefined
  link?: Traffic
}

class Runs implements Stage {
  readonly field: Field
  readonly runners: Runner[] = []
  readonly #init: RunInit
  readonly #pulled = new Map<number, Pulled>()
  readonly #pulls: Promise<void>[] = []
  readonly #stop = new AbortController()
  #beginMs = 0
  #cpuBefore: (number | undefined)[] = []
  #linksBefore: Traffic[] = []

  constructor(field: Field, init: RunInit) {
    this.field = field
    this.#init = init
  }

  async run(): Promise<SwarmRun> {
    const { testnet, arena, origin } = this.field
    const { deadlineSeconds, starters = testnet.nodes.map((_, i) => i), incident } = this.#init
    const timer = setTimeout(() => this.#stop.abort(), deadlineSeconds * 1000)
    const counted = () => originSentBytes(testnet).catch(() => undefined)
    const sentBefore = await counted()
    const racksBefore = await trafficOf(arena.racks)
    const [originBefore] = await trafficOf([origin])
    this.#linksBefore = await trafficOf(this.field.hosts)
    this.#cpuBefore = testnet.nodes.map(({ pid }) => cpuSecondsOf(pid))
    const trackerPid = testnet.tracker.pid
    const trackerBefore = cpuSecondsOf(trackerPid)
    let trackerCpu: number | undefined
    try {
      this.#beginMs = performance.now()
      this.start(starters)
      if (incident !== undefined) {
        await this.until(starters, incident.at)
        await incident.act(this)
      }
      for (let waited = 0; waited < this.#pulls.length; waited = this.#pulls.length) {
        await Promise.all(this.#pulls)
      }
      trackerCpu = spent(trackerBefore, cpuSecondsOf(trackerPid))
    } finally {
      clearTimeout(timer)
    }
    const sent = await counted()
    const [originAfter] = await trafficOf([origin])
    const racks = difference(racksBefore, await trafficOf(arena.racks))
    const { size } = await stat(this.field.file)
    const nodes = await this.#nodeRuns()
    const wire = sum(
      nodes.map(({ pull }) => (pull?.bytes.wireFromOrigin ?? 0) + (pull?.bytes.wireFromPeers ?? 0)),
    )
    return {
      nodes,
      seconds: Math.max(0, ...nodes.map((node) => node.startSeconds + (node.seconds ?? 0))),
      fileBytes: size,
      originLinkCopies: ((originAfter?.sentBytes ?? 0) - (originBefore?.sentBytes ?? 0)) / size,
      originCopies: sent === undefined || sentBefore === undefined ? undefined : (sent - sentBefore) / size,
      crossRackCopies: racks.length < 2 ? undefined : sum(racks.map(({ sentBytes }) => sentBytes)) / size,
      duplicateShare: wire === 0 ? 0 : sum(nodes.map(({ pull }) => pull?.bytes.duplicate ?? 0)) / wire,
      trackerCpuSeconds: trackerCpu,
      nodesCpuSeconds: sum(nodes.map(({ cpuSeconds }) => cpuSeconds ?? 0)),
    }
  }

  start(indices: readonly number[]): void {
    for (const index of indices) {
      const node = this.field.testnet.nodes[index]
      if (node === undefined) continue
      const runner: Runner = { index, node, progress: undefined, ended: false }
      this.runners.push(runner)
      this.#pulls.push(this.#pull(runner))
    }
  }

  async until(indices: readonly number[], share: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setInterval(() => {
      const some = this.runners.filter(({ index }) => indices.includes(index))
      if (meanShare(some.map(({ progress }) => progress)) >= share) resolve()
      if (some.every(({ ended }) => ended)) resolve()
    }, LOOK_MS)
    await promise
    clearInterval(timer)
  }

  async #pull(runner: Runner): Promise<void> {
    const startMs = performance.now()
    const pulled: Pulled = { startSeconds: (startMs - this.#beginMs) / 1000, curve: [] }
    this.#pulled.set(runner.index, pulled)
    const lost = this.#init.lost?.includes(runner.index) === true
    try {
      const pulling = withNode(runner.node, (client) =>
        client.pull(SWARM_IMAGE, {
          signal: this.#stop.signal,
          onProgress: (progress) => {
            runner.progress = progress
            const seconds = (performance.now() - this.#beginMs) / 1000
            pulled.curve.push({ seconds, share: shareOf(progress) })
          },
        }),
      )
      pulled.pull = await (lost ? Promise.race([pulling, this.#othersEnded()]) : pulling)
      pulled.seconds = (performance.now() - startMs) / 1000
      pulled.curve.push({ seconds: pulled.startSeconds + pulled.seconds, share: 1 })
    } catch (error) {
      pulled.failure = this.#stop.signal.aborted
        ? 'not complete in time'
        : (String(error).split('\n')[0] ?? '')
    }
    runner.ended = true
    pulled.cpuSeconds = spent(this.#cpuBefore[runner.index], cpuSecondsOf(runner.node.pid))
  }

  /** Rejects when everybody who is waited for has ended: a lost node is not. */
  async #othersEnded(): Promise<never> {
    const { lost = [] } = this.#init
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setInterval(() => {
      if (this.runners.every(({ index, ended }) => ended || lost.includes(index))) resolve()
    }, LOOK_MS)
    await promise
    clearInterval(timer)
    throw new TimeoutError('all others are complete')
  }

  async #nodeRuns(): Promise<NodeRun[]> {
    const { hosts } = this.field
    const links = difference(this.#linksBefore, await trafficOf(hosts))
    return await mapLimit(this.runners, EXPORTS_AT_ONCE, async ({ index, node }) => {
      const pulled = this.#pulled.get(index)
      return {
        name: node.name,
        rack: hosts[index]?.rack ?? '',
        startSeconds: pulled?.startSeconds ?? 0,
        seconds: pulled?.seconds,
        failure: pulled?.failure,
        pull: pulled?.pull,
        curve: pulled?.curve ?? [],
        link: links[index] ?? { sentBytes: 0, receivedBytes: 0 },
        cpuSeconds: pulled?.cpuSeconds,
        verified: pulled?.pull === undefined ? undefined : await this.#verify(node),
      }
    })
  }

  async #verify(node: NodeHandle): Promise<boolean> {
    const path = join(node.exports, 'image')
    try {
      await withNode(node, (client) => client.export({ reference: SWARM_IMAGE, path }))
      return (await firstDifference(this.field.file, path)) === undefined
    } finally {
      await rm(path, { force: true })
    }
  }
}

function spent(before: number | undefined, after: number | undefined): number | undefined {
  return before === undefined || after === undefined ? undefined : after - before
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

function trafficOf(things: readonly Pick<ArenaHost, 'traffic'>[]): Promise<Traffic[]> {
  return Promise.all(things.map((thing) => thing.traffic()))
}

function difference(before: readonly Traffic[], after: readonly Traffic[]): Traffic[] {
  return after.map((traffic, i) => ({
    sentBytes: traffic.sentBytes - (before[i]?.sentBytes ?? 0),
    receivedBytes: traffic.receivedBytes - (before[i]?.receivedBytes ?? 0),
  }))
}
