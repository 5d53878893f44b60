import { AbortedError, BootswarmError, StateError } from '../../src/core/errors.ts'
import type { Log } from '../../src/core/log.ts'
import type { ArenaKind } from '../arena/arena.ts'
import { httpGet } from '../arena/http/http-get.ts'
import { openArena } from '../arena/open-arena.ts'
import type { Topology } from '../arena/topology.ts'
import type { Contestant, RaceResult } from '../peers/contestant.ts'
import { lastSeconds } from './figures.ts'
import { provenanceOf } from './provenance.ts'
import { runRace } from './race.ts'
import type { Conditions, Report, SystemReport, SystemRun } from './report.ts'

export interface CompareInit {
  readonly conditions: Conditions
  readonly topology: Topology
  readonly systems: readonly Contestant[]
  readonly runs: number
  /** What every node must end up with. */
  readonly file: string
  /** What every node has already. */
  readonly previous: string | undefined
  readonly log: Log
}

/** A system on its way through the runs. */
interface Standing {
  readonly contestant: Contestant
  readonly version: string | undefined
  readonly lack: string | undefined
  readonly runs: SystemRun[]
  failure: string | undefined
}

/**
 * Runs every system `runs` times, each time in an arena of its own, and one HTTP GET before them in each run. What fails is in the
 * report with its reason and is not tried again. Errors: AbortedError; those of `openArena`; StateError when the GET itself fails.
 */
export async function compare(init: CompareInit, options: { signal?: AbortSignal } = {}): Promise<Report> {
  const provenance = await provenanceOf(new Date())
  const standings = await Promise.all(init.systems.map((contestant) => probe(contestant, init)))
  const tried = standings.filter(({ lack }) => lack === undefined)
  init.log.info({ systems: tried.map(({ contestant }) => contestant.name).join(',') }, 'comparing')
  const getSeconds: number[] = []
  for (let run = 0; run < init.runs; run++) {
    const get = await oneGet(init)
    getSeconds.push(get)
    init.log.info({ run: run + 1, seconds: get.toFixed(2) }, 'one HTTP GET')
    // Each run begins with another system, so that none always runs on the machine as the same other one leaves it.
    for (const [i] of standings.entries()) {
      const standing = standings[(i + run) % standings.length]
      if (standing !== undefined && (standing.lack ?? standing.failure) === undefined) {
        await runOnce(standing, { ...init, get, run }, options)
      }
    }
  }
  const systems = standings.map(reportOf)
  return {
    format: 'bootswarm/compare/1',
    ...{ provenance, conditions: init.conditions, runsWanted: init.runs, getSeconds, systems },
  }
}

async function probe(contestant: Contestant, { conditions }: CompareInit): Promise<Standing> {
  const found = await contestant.probe()
  const version = 'version' in found ? found.version : undefined
  const lack = 'lack' in found ? found.lack : arenaLack(contestant, conditions.arena)
  return { contestant, version, lack, failure: undefined, runs: [] }
}

function arenaLack({ arenas }: Contestant, kind: ArenaKind): string | undefined {
  return arenas.includes(kind) ? undefined : `does not run in an arena of the kind ${kind}`
}

async function runOnce(
  standing: Standing,
  init: CompareInit & { get: number; run: number },
  options: { signal?: AbortSignal },
): Promise<void> {
  const { contestant, runs } = standing
  const { log, get, run } = init
  try {
    const result = await raceInArena({ ...init, contestant }, options)
    runs.push({ ...result, getSeconds: get })
    const last = lastSeconds({ ...result, getSeconds: get })
    const said = { run: run + 1, system: contestant.name, verified: result.verified }
    log.info({ ...said, seconds: last.toFixed(2), ratio: (last / get).toFixed(2) }, 'done')
  } catch (error) {
    if (error instanceof AbortedError || options.signal?.aborted === true) throw error
    standing.failure = error instanceof BootswarmError ? error.message : String(error)
    log.warn({ run: run + 1, system: contestant.name }, 'failed')
  }
}

/** The yardstick: from the origin to the first node, with nobody else on the links. */
async function oneGet({ topology, conditions, file }: CompareInit): Promise<number> {
  const arena = await openArena(topology, { kind: conditions.arena })
  try {
    const [from, to] = arena.hosts
    if (from === undefined || to === undefined) throw new StateError('a GET needs two hosts')
    return (await httpGet(arena, { from, to, file })).seconds
  } finally {
    await arena.close()
  }
}

async function raceInArena(
  init: CompareInit & { contestant: Contestant },
  options: { signal?: AbortSignal },
): Promise<RaceResult> {
  const { topology, conditions, contestant, file, previous } = init
  const linkSeconds = (conditions.imageBytes * 8) / conditions.rateBitsPerSecond
  const arena = await openArena(topology, { kind: conditions.arena })
  try {
    return await runRace({ arena, contestant, file, previous, linkSeconds }, options)
  } finally {
    await arena.close()
  }
}

function reportOf({ contestant, version, lack, runs, failure }: Standing): SystemReport {
  const { name, setting } = contestant
  return { name, setting, version, lack, runs, failure }
}
