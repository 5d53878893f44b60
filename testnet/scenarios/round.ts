import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { PullProgress, PullResult } from '../../src/api/node-schemas.ts'
import { StateError } from '../../src/core/errors.ts'
import type { Log } from '../../src/core/log.ts'
import { mapLimit } from '../concurrency.ts'
import type { NodeHandle, Testnet } from '../handles.ts'
import { firstDifference } from '../images/compare.ts'
import { withNode } from '../with-node.ts'
import { originSentBytes } from './origin-sent.ts'

/** Exports at once; each reads and writes a whole image. */
const EXPORTS_AT_ONCE = 2
const PROGRESS_MS = 2_000

/** What one node did in a round. */
export interface NodeOutcome {
  readonly name: string
  readonly pull: PullResult
  /** Most bytes resident since the daemon started, after the pull; undefined where the system does not say. */
  readonly peakResidentBytes: number | undefined
  /** First byte of the export that is not that of the source; undefined when all are. */
  readonly differsAt: number | undefined
}

/** One image pushed once and pulled by every node at the same moment. */
export interface Round {
  readonly reference: string
  readonly pushSeconds: number
  /** From the first request until the last node was complete. */
  readonly seconds: number
  /** Bytes that the tracker's peer sent meanwhile, by its own count: what nodes threw away included. */
  readonly originSentBytes: number
  readonly nodes: readonly NodeOutcome[]
}

export interface RoundInit {
  readonly testnet: Testnet
  readonly image: string
  readonly reference: string
  readonly log: Log
}

export async function runRound(init: RoundInit, options: { signal?: AbortSignal } = {}): Promise<Round> {
  const { testnet, image, reference, log } = init
  const pushSeconds = await push(init, options)
  log.info({ reference, seconds: round(pushSeconds) }, 'pushed')
  const sentBefore = await originSentBytes(testnet, options)
  const begin = performance.now()
  const pulls = await pullAll(testnet.nodes, { reference, log }, options)
  const seconds = (performance.now() - begin) / 1000
  const sent = (await originSentBytes(testnet, options)) - sentBefore
  log.info({ reference, seconds: round(seconds), nodes: pulls.length }, 'pulled by all nodes')
  const peaks = testnet.nodes.map((node) => node.resident()?.peakBytes)
  const nodes = await mapLimit(testnet.nodes, EXPORTS_AT_ONCE, async (node, i) => ({
    name: node.name,
    pull: pulls[i] as PullResult,
    peakResidentBytes: peaks[i],
    differsAt: await exportAndCompare(node, { reference, image }, options),
  }))
  const same = nodes.filter((node) => node.differsAt === undefined).length
  log.info({ same, of: nodes.length }, 'exports compared with the source byte for byte')
  return { reference, pushSeconds, seconds, originSentBytes: sent, nodes }
}

/** Pushes with the real command line. */
async function push(init: RoundInit, options: { signal?: AbortSignal }): Promise<number> {
  const begin = performance.now()
  const done = await init.testnet.cli(['image', 'push', init.image, init.reference], options)
  if (done.code !== 0) {
    throw new StateError(
      `push of ${init.reference} failed (exit ${done.code}): ${done.stderr.trim().slice(-2000)}`,
    )
  }
  return (performance.now() - begin) / 1000
}

async function pullAll(
  nodes: readonly NodeHandle[],
  init: { reference: string; log: Log },
  options: { signal?: AbortSignal },
): Promise<PullResult[]> {
  const progress: (PullProgress | undefined)[] = nodes.map(() => undefined)
  const timer = setInterval(() => init.log.info(summary(progress), 'pulling'), PROGRESS_MS)
  try {
    return await Promise.all(
      nodes.map((node, i) =>
        withNode(node, (client) =>
          client.pull(init.reference, {
            ...options,
            onProgress: (now) => {
              progress[i] = now
            },
          }),
        ),
      ),
    )
  } finally {
    clearInterval(timer)
  }
}

function summary(progress: readonly (PullProgress | undefined)[]): object {
  const shares = progress.map((p) => (p === undefined || p.runs.total === 0 ? 0 : p.runs.done / p.runs.total))
  const mean = shares.reduce((sum, share) => sum + share, 0) / Math.max(1, shares.length)
  return { mean: `${Math.floor(mean * 100)}%`, complete: shares.filter((share) => share === 1).length }
}

async function exportAndCompare(
  node: NodeHandle,
  init: { reference: string; image: string },
  options: { signal?: AbortSignal },
): Promise<number | undefined> {
  const path = join(node.exports, 'mass-boot.img')
  try {
    await withNode(node, (client) => client.export({ reference: init.reference, path }, options))
    return await firstDifference(init.image, path)
  } finally {
    await rm(path, { force: true })
  }
}

const round = (seconds: number) => Math.round(seconds * 100) / 100
