import type { Field, RunInit } from '../swarm-run/run-swarm.ts'
import type { SwarmRun } from '../swarm-run/swarm-run.ts'

/** What was asked for, what came, and whether that is enough. */
export interface Verdict {
  readonly goal: string
  readonly value: string
  readonly ok: boolean
}

export interface BadDayInit {
  /** Nodes that count. */
  readonly nodes: number
  /** Seconds of one HTTP GET. */
  readonly getSeconds: number
}

/** The run with the incident, beside the same run without it. */
export interface Outcome extends BadDayInit {
  readonly base: SwarmRun
  readonly run: SwarmRun
}

/** One thing that goes wrong in the middle of a transfer, as data. */
export interface BadDay {
  readonly name: string
  /** What happens, in one line. */
  readonly what: string
  readonly goal: string
  /** Nodes that it takes at least. */
  readonly nodesMin: number
  readonly racksMin?: number
  /** A host beyond the nodes that count: with a node that is not waited for, or with a program that is no node. */
  readonly extra?: 'node' | 'program'
  /** Link of the extra host over that of the others; default 1. */
  readonly extraRate?: number
  /** Who starts with the clock in the run without the incident, by index; default all that count. */
  starters?(init: BadDayInit): readonly number[]
  /** What happens before the clock starts, in both runs. */
  prepare?(field: Field): Promise<void>
  /** Makes the run: whatever it starts is undone by what it returns, after the run. */
  incident(
    init: BadDayInit,
    field: Field,
  ): Promise<{ run: Omit<RunInit, 'deadlineSeconds'>; undo?(): Promise<void> }>
  judge(outcome: Outcome): Verdict[]
}

/** At most `share` longer than the run without the incident. */
export function notSlower(outcome: Outcome, share: number, seconds = outcome.run.seconds): Verdict {
  const ratio = seconds / outcome.base.seconds
  return {
    goal: `time at most ${share.toFixed(2)} of the run without it`,
    value: `${ratio.toFixed(2)} (${seconds.toFixed(2)} s and ${outcome.base.seconds.toFixed(2)} s)`,
    ok: ratio <= share,
  }
}

/** Of the nodes with these indices every one is complete, and its export is the source. */
export function allComplete(outcome: Outcome, indices: readonly number[]): Verdict {
  const names = new Set(indices.map((index) => `node-${index + 1}`))
  const good = outcome.run.nodes.filter(({ name, verified }) => names.has(name) && verified === true).length
  const failures = outcome.run.nodes.flatMap(({ name, failure }) => (names.has(name) ? (failure ?? []) : []))
  const why = failures.length === 0 ? '' : `: ${failures[0]}`
  return {
    goal: 'every node complete and identical',
    value: `${good} of ${names.size}${why}`,
    ok: good === names.size,
  }
}

/** By the count of the tracker where it could be asked, else by that of its link. */
export function originCopies({ run }: Outcome, most: number): Verdict {
  const copies = run.originCopies ?? run.originLinkCopies
  return { goal: `origin at most ${most} copies`, value: copies.toFixed(3), ok: copies <= most }
}

/** The latest end of the nodes with these indices, since the common start. */
export function lastOf({ run }: Outcome, indices: readonly number[]): number {
  const names = new Set(indices.map((index) => `node-${index + 1}`))
  const ends = run.nodes.flatMap(({ name, startSeconds, seconds }) =>
    names.has(name) && seconds !== undefined ? startSeconds + seconds : [],
  )
  return Math.max(0, ...ends)
}

export function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i)
}
