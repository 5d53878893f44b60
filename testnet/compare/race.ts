import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { AbortedError, StateError, TimeoutError } from '../../src/core/errors.ts'
import type { Arena, ArenaHost } from '../arena/arena.ts'
import { mapLimit } from '../concurrency.ts'
import { firstDifference } from '../images/compare.ts'
import type { Contestant, Entry, RaceResult } from '../peers/contestant.ts'
import {
  type Counters,
  countersOf,
  crossRackBytes,
  difference,
  furtherRackBytes,
  receivedBytes,
} from './counters.ts'
import { descendantsCpuSeconds } from './cpu-time.ts'
import { Curve } from './curve.ts'

/** Files compared at once; each is read whole. */
const COMPARED_AT_ONCE = 2
/** Start of programs, hashing and writing at the end, on two busy cores. */
const SLACK_SECONDS = 60
/** A system that needs this many times what the nodes would need one after the other is not worth waiting for. */
const PATIENCE = 3

export interface RaceInit {
  readonly arena: Arena
  readonly contestant: Contestant
  readonly file: string
  readonly previous: string | undefined
  /** Seconds that the file takes over one link: how long to wait, and how often to look. */
  readonly linkSeconds: number
}

/** A race under way. */
interface Field extends RaceInit {
  readonly entry: Entry
  readonly receivers: readonly ArenaHost[]
}

/**
 * Lets one contestant bring one file to all hosts but the first, which is the origin, at the same moment. The clock stops for each host when
 * its contestant says that the whole file is there; then every file is compared with the source. Errors: StateError when a program
 * fails, TimeoutError, AbortedError.
 */
export async function runRace(init: RaceInit, options: { signal?: AbortSignal } = {}): Promise<RaceResult> {
  const { arena, contestant, file, previous } = init
  const [origin, ...receivers] = arena.hosts
  if (origin === undefined || receivers.length === 0)
    throw new StateError('a race needs an origin and a receiver')
  const dir = join(arena.dir, contestant.name)
  await mkdir(dir)
  try {
    const entry = await contestant.prepare({ origin, receivers, file, previous, dir })
    try {
      const clock = await runClock({ ...init, entry, receivers }, options.signal)
      const duplicateBytes = await entry.duplicateBytes()
      return { ...clock, duplicateBytes, verified: await verify({ ...init, entry, receivers }) }
    } finally {
      await entry.close()
    }
  } finally {
    await rm(dir, { recursive: true, force: true, maxRetries: 3 })
  }
}

async function runClock(
  field: Field,
  signal?: AbortSignal,
): Promise<Omit<RaceResult, 'duplicateBytes' | 'verified'>> {
  const { arena, entry, receivers, linkSeconds } = field
  const before = await countersOf(arena)
  const cpuBefore = descendantsCpuSeconds()
  const curve = new Curve({ look: () => countersOf(arena), before, linkSeconds })
  const begin = performance.now()
  const sinceBegin = () => (performance.now() - begin) / 1000
  try {
    const fetches = receivers.map(async (host) => {
      await entry.fetch(host)
      return curve.complete(sinceBegin())
    })
    const seconds = await withPatience(fetches, { field, signal })
    const cpuSeconds = descendantsCpuSeconds() - cpuBefore
    const links = difference(before, await countersOf(arena))
    return { ...resultOf(links, field, seconds), cpuSeconds, curve: curve.points(links) }
  } finally {
    curve.close()
  }
}

function resultOf(links: Counters, { receivers }: Field, seconds: readonly number[]) {
  return {
    nodes: receivers.map(({ name, rack }, i) => ({
      ...{ name, rack, seconds: seconds[i] ?? Number.NaN },
      receivedBytes: links.receivers[i]?.receivedBytes ?? 0,
      sentBytes: links.receivers[i]?.sentBytes ?? 0,
    })),
    originSentBytes: links.origin.sentBytes,
    fromPeersBytes: Math.max(0, receivedBytes(links) - links.origin.sentBytes),
    crossRackBytes: crossRackBytes(links),
    furtherRackBytes: furtherRackBytes(links),
  }
}

/** All of them, or the first failure, or the end of patience. */
async function withPatience(
  fetches: readonly Promise<number>[],
  { field, signal }: { field: Field; signal: AbortSignal | undefined },
): Promise<number[]> {
  const allowed = SLACK_SECONDS + PATIENCE * field.receivers.length * field.linkSeconds
  const stopped = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    stopped.reject(new TimeoutError(`not all nodes were complete after ${Math.round(allowed)} s`))
  }, allowed * 1000)
  const onAbort = () => stopped.reject(new AbortedError('the race was stopped'))
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([Promise.all(fetches), stopped.promise])
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', onAbort)
  }
}

async function verify({ entry, receivers, file }: Field): Promise<number> {
  const same = await mapLimit(receivers, COMPARED_AT_ONCE, async (host) => {
    return (await firstDifference(file, await entry.output(host))) === undefined
  })
  return same.filter(Boolean).length
}
