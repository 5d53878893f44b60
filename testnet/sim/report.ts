import type { Judged, Verdict } from './judge.ts'
import type { CurvePoint, Played } from './play.ts'
import type { SimInit } from './simulation.ts'

const MiB = 1024 * 1024

/** Everything of one simulation, as it is written to `sim.json`. */
export interface SimReport extends Judged {
  readonly format: 'bootswarm/sim/1'
  readonly scenario: string
  readonly init: SimInit
}

export function reportText({ scenario, init, played, plain, verdicts }: SimReport): string {
  const { figures, bound, cost } = played
  const lines = [
    `${scenario}: ${init.nodes} nodes, ${round(init.imageBytes / MiB, 0)} MiB, ${round((init.rate * 8) / 1000, 1)} Mbit/s, ${racksText(init)}, seed ${init.seed}`,
    `  bound         ${round(bound.ms / 1000)} s (${bound.reason}), in ${played.runs} runs of ${played.scale} MiB`,
    `  over bound    p50 ${round(figures.p50)}  p90 ${round(figures.p90)}  p99 ${round(figures.p99)}  last ${round(figures.last)}${lateText(played)}`,
    ...(plain === undefined ? [] : [`  without it    last ${round(plain.figures.last)}`]),
    `  origin        ${round(figures.originCopies)} copies; duplicates ${round(figures.duplicateShare * 100)} %${crossText(played)}`,
    `  each node     ${round(figures.trackerRequests, 1)} requests to the tracker, ${Math.round(figures.messages)} messages`,
    `  this machine  ${round(cost.cpuSeconds, 1)} s of CPU, ${cost.events} events, ${Math.round(cost.eventsPerSecond)} a second, ${Math.round(cost.residentBytes / MiB)} MiB`,
    ...verdicts.map(verdictText),
  ]
  return `${lines.join('\n')}\n`
}

export function allMet({ verdicts }: Judged): boolean {
  return verdicts.every(({ met }) => met)
}

/** The completion curve, for spreadsheets. */
export function curveCsv(curve: readonly CurvePoint[]): string {
  const rows = curve.map(
    ({ seconds, held, complete }) => `${round(seconds, 3)},${round(held, 5)},${complete}`,
  )
  return `${['seconds,held_share,complete_nodes', ...rows].join('\n')}\n`
}

function racksText({ racks, uplink }: SimInit): string {
  if (uplink === undefined) return 'one network'
  return `${racks} racks with ${round((uplink * 8) / 1000, 1)} Mbit/s each`
}

function lateText({ figures }: Played): string {
  return figures.lateLast === undefined ? '' : `  late ones ${round(figures.lateLast)} of their link`
}

function crossText({ figures }: Played): string {
  const { crossRackCopies } = figures
  return crossRackCopies === undefined
    ? ''
    : `; ${round(crossRackCopies)} copies into each rack beyond the first`
}

function verdictText({ measure, atMost, value, met }: Verdict): string {
  return `  ${met ? 'met   ' : 'MISSED'}        ${measure} ${round(value, 4)}, at most ${atMost}`
}

function round(value: number, digits = 3): number {
  return Math.round(value * 10 ** digits) / 10 ** digits
}
