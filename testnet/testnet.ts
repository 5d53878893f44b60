import { mkdtempSync } from 'node:fs'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { ConflictError, InvalidError } from '../src/core/errors.ts'
import { type Log, silentLog } from '../src/core/log.ts'
import { runCliProcess } from './cli-process.ts'
import { mapLimit } from './concurrency.ts'
import { type Link, PLACED_PORTS, type Place, writeCliConfig } from './config-files.ts'
import type { StartProgram } from './daemon.ts'
import { DaemonControl } from './daemon-control.ts'
import { guard } from './guard.ts'
import type { Testnet } from './handles.ts'
import { type Layout, layoutOf, nodeName } from './layout.ts'
import { nodeHandle, nodeRecipe } from './node-handle.ts'
import { mintIdentities } from './pki.ts'
import type { ProcessRef } from './processes.ts'
import { loadState, saveState, type TestnetState } from './state.ts'
import { trackerHandle, trackerRecipe } from './tracker-handle.ts'

/** Processes on one machine; more belong on several, or in the simulator. */
export const TESTNET_NODES_MAX = 256
/** The longest socket path that the kernel takes, less what `layoutOf` appends. */
const DIR_BYTES_MAX = 80

export interface TestnetInit {
  readonly nodes: number
  /** Made if missing, must be empty; default a new one in the system's temporary directory. Removed by `destroy`. */
  readonly dir?: string
  /** Said in results; what scenarios derive their randomness from. */
  readonly seed?: number
  readonly log?: Log
  /** Store directories of single nodes elsewhere (a small file system, for example), by index. */
  readonly dataDirs?: Readonly<Record<number, string>>
  /** Links before the tracker's peer and before single nodes, by index. Not kept for `openTestnet`. */
  readonly links?: { readonly tracker?: Link; readonly nodes?: Readonly<Record<number, Link>> }
  /** Hosts of an arena to run on, a node for each of `nodes`. Then ports are `PLACED_PORTS`, and `openTestnet` does not find it. */
  readonly places?: { readonly tracker: Place; readonly nodes: readonly Place[] }
  /** Keys of the configuration of the tracker and of single nodes, by index, in the place of ours. Not kept for `openTestnet`. */
  readonly config?: { readonly tracker?: object; readonly nodes?: Readonly<Record<number, object>> }
}

/**
 * Starts a tracker and nodes with identities from a CA of their own. Ports are the system's choice.
 * Everything ends with this process unless `detach` was called.
 * Errors: StateError with the end of the log when a daemon dies, ConflictError when `dir` is in use.
 */
export async function createTestnet(
  init: TestnetInit,
  options: { signal?: AbortSignal } = {},
): Promise<Testnet> {
  checkInit(init)
  const log = init.log ?? silentLog
  const dir = resolve(init.dir ?? mkdtempSync(join(tmpdir(), 'bs-')))
  await claimDir(dir)
  const layout = layoutOf(dir)
  const controls: DaemonControl[] = []
  const release = guard({ dir, processes: () => allProcesses(controls) })
  try {
    await mintIdentities(layout, init.nodes)
    log.info({ dir, nodes: init.nodes }, 'identities made')
    const tracker = new DaemonControl(
      trackerRecipe(layout, {
        link: init.links?.tracker,
        place: init.places?.tracker,
        more: init.config?.tracker,
      }),
    )
    controls.push(tracker)
    await tracker.start(options)
    const trackerUrl = await trackerUrlOf(tracker, init)
    log.info({ url: trackerUrl, pid: tracker.process.pid }, 'tracker ready')
    const nodes = Array.from({ length: init.nodes }, (_, index) => {
      const { dataDirs = {}, links = {}, config = {} } = init
      const odd = {
        ...{ dataDir: dataDirs[index], link: links.nodes?.[index], more: config.nodes?.[index] },
        place: init.places?.nodes[index],
      }
      return new DaemonControl(nodeRecipe(layout, { index, trackerUrl, ...odd }))
    })
    controls.push(...nodes)
    await mapLimit(nodes, availableParallelism() + 1, async (node, i) => {
      await node.start(options)
      await init.places?.nodes[i]?.expose(PLACED_PORTS.nodeP2p)
    })
    log.info({ nodes: nodes.length }, 'nodes ready')
    await writeCliConfig(layout, trackerUrl, nodes.length)
    return await assemble({
      layout,
      seed: init.seed ?? 1,
      trackerUrl,
      tracker,
      nodes,
      release,
      ...cliPlace(init),
    })
  } catch (error) {
    await destroyAll(controls, dir)
    release()
    throw error
  }
}

/** Finds the testnet that another process left in `dir`. Errors: NotFoundError, StateError. */
export async function openTestnet(dir: string): Promise<Testnet> {
  const layout = layoutOf(resolve(dir))
  const state = await loadState(layout.dir)
  const tracker = DaemonControl.adopt(trackerRecipe(layout), state.tracker)
  const nodes = state.nodes.map((node, index) => {
    return DaemonControl.adopt(nodeRecipe(layout, { index, trackerUrl: state.trackerUrl }), node)
  })
  const { seed, trackerUrl } = state
  return await assemble({ layout, seed, trackerUrl, tracker, nodes, release: () => {} })
}

interface Parts {
  readonly layout: Layout
  readonly seed: number
  readonly trackerUrl: string
  readonly tracker: DaemonControl
  readonly nodes: readonly DaemonControl[]
  /** Where the command line runs. */
  readonly start?: StartProgram
  /** Takes the guard off. */
  readonly release: () => void
}

async function assemble(parts: Parts): Promise<Testnet> {
  const { layout, seed, tracker, nodes } = parts
  const save = () => saveState(layout.dir, stateOf(parts))
  await save()
  for (const control of [tracker, ...nodes]) control.onStart = save
  const publisher = layout.identity('publisher')
  return {
    layout,
    seed,
    publisher,
    tracker: trackerHandle(tracker, { url: parts.trackerUrl, layout }),
    nodes: nodes.map((control) => nodeHandle(control, layout)),
    cli: (args, options) => runCliProcess(layout.cliHome, args, { ...options, ...startOf(parts) }),
    detach: parts.release,
    async destroy() {
      await destroyAll([tracker, ...nodes], layout.dir)
      parts.release()
    },
  }
}

/** The command line runs beside the tracker, so that a push is not as slow as the tracker's link. */
function cliPlace({ places }: TestnetInit): { start?: StartProgram } {
  return places === undefined ? {} : { start: places.tracker.start }
}

function startOf({ start }: Parts): { start?: StartProgram } {
  return start === undefined ? {} : { start }
}

async function trackerUrlOf(tracker: DaemonControl, { places }: TestnetInit): Promise<string> {
  if (places === undefined) return String(tracker.ready['url'])
  await places.tracker.expose(PLACED_PORTS.http)
  await places.tracker.expose(PLACED_PORTS.trackerP2p)
  return `https://${places.tracker.address}:${PLACED_PORTS.http}`
}

function stateOf(parts: Parts): TestnetState {
  const stateOfDaemon = ({ name, process, peer }: DaemonControl) => ({ name, process, peer })
  return {
    format: 'bootswarm/testnet/1',
    seed: parts.seed,
    trackerUrl: parts.trackerUrl,
    tracker: stateOfDaemon(parts.tracker),
    nodes: parts.nodes.map(stateOfDaemon),
  }
}

function checkInit(init: TestnetInit): void {
  if (!Number.isInteger(init.nodes) || init.nodes < 0 || init.nodes > TESTNET_NODES_MAX) {
    throw new InvalidError(`a testnet has 0 to ${TESTNET_NODES_MAX} nodes, not ${init.nodes}`)
  }
  if (init.places !== undefined && init.places.nodes.length < init.nodes) {
    throw new InvalidError(`${init.nodes} nodes do not go on ${init.places.nodes.length} hosts`)
  }
}

async function claimDir(dir: string): Promise<void> {
  const longest = layoutOf(dir).socket(nodeName(TESTNET_NODES_MAX))
  if (Buffer.byteLength(dir) > DIR_BYTES_MAX || Buffer.byteLength(longest) > 107) {
    throw new InvalidError(`${dir} is too long a path: sockets in it would have no valid name`)
  }
  await mkdir(dir, { recursive: true, mode: 0o700 })
  if ((await readdir(dir)).length === 0) {
    await mkdir(layoutOf(dir).logs)
    return
  }
  throw new ConflictError(`${dir} is not empty: a testnet may run there ("bootswarm testnet down" ends it)`)
}

function* allProcesses(controls: readonly DaemonControl[]): Generator<ProcessRef> {
  for (const control of controls) if (control.spawned !== undefined) yield control.spawned
}

async function destroyAll(controls: readonly DaemonControl[], dir: string): Promise<void> {
  const started = controls.filter((control) => control.spawned !== undefined)
  await Promise.all(started.map((control) => control.stop()))
  await rm(dir, { recursive: true, force: true, maxRetries: 3 })
}
