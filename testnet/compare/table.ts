import { type Column, formatTable } from '../../src/cli/table.ts'
import { formatBytes } from '../../src/cli/units.ts'
import { formatRate } from '../arena/rates.ts'
import { boundSeconds, type Figures, figuresOf, median } from './figures.ts'
import type { Report, SystemReport } from './report.ts'

interface Row {
  readonly system: SystemReport
  readonly figures: Figures | undefined
}

const number = (of: (figures: Figures) => number | undefined, digits: number) => (row: Row) => {
  const value = row.figures === undefined ? undefined : of(row.figures)
  return value === undefined ? '' : value.toFixed(digits)
}

function columnsOf({ conditions }: Report): Column<Row>[] {
  const bytes = (of: (figures: Figures) => number) => (row: Row) =>
    row.figures === undefined ? '' : formatBytes(of(row.figures))
  const columns: (Column<Row> | false)[] = [
    { title: 'system', cell: ({ system }) => system.name },
    { title: 'last node s', right: true, cell: number((f) => f.lastSeconds, 2) },
    { title: 'median node s', right: true, cell: number((f) => f.medianSeconds, 2) },
    { title: 'last/GET', right: true, cell: number((f) => f.ratio, 2) },
    { title: 'wire/node', right: true, cell: bytes((f) => f.receivedBytes) },
    { title: 'origin copies', right: true, cell: number((f) => f.originCopies, 2) },
    { title: 'from peers %', right: true, cell: number((f) => f.peerShare * 100, 1) },
    {
      title: 'duplicates %',
      right: true,
      cell: number((f) => f.duplicateShare && f.duplicateShare * 100, 2),
    },
    conditions.racks > 1 && {
      title: 'cross-rack copies',
      right: true,
      cell: number((f) => f.crossRackCopies, 2),
    },
    conditions.racks > 1 && {
      title: 'into each further rack',
      right: true,
      cell: number((f) => f.furtherRackCopies, 2),
    },
    { title: 'cpu s', right: true, cell: number((f) => f.cpuSeconds, 1) },
    { title: 'runs', right: true, cell: ({ system }) => String(system.runs.length) },
    { title: 'result', cell: (row) => verdictOf(row.system, conditions.nodes) },
  ]
  return columns.filter((column) => column !== false)
}

/** `identical`, or what is wrong: why there are no or fewer runs, how many files differ. */
export function verdictOf(system: SystemReport, nodes: number): string {
  const { runs, lack, failure } = system
  if (lack !== undefined) return `not run: ${lack}`
  const verified = Math.min(nodes, ...runs.map((run) => run.verified))
  if (verified < nodes) return `${nodes - verified} of ${nodes} DIFFER`
  if (failure !== undefined) return `FAILED: ${failure.split('\n')[0]}`
  return 'identical'
}

/** The report for people: conditions, one row for each system, what the figures are over. */
export function reportText(report: Report): string {
  const rows = report.systems.map((system) => ({ system, figures: figuresOf(system) }))
  const failures = report.systems.filter(({ failure }) => failure?.includes('\n'))
  return [
    conditionsText(report),
    '',
    formatTable(columnsOf(report), rows),
    overText(report),
    ...failures.map(({ name, failure }) => `\n${name}: ${failure}`),
    '',
  ].join('\n')
}

export function conditionsText({ conditions, provenance }: Report): string {
  const { nodes, rateBitsPerSecond, racks, uplinkBitsPerSecond, imageBytes, image, arena } = conditions
  const uplinks =
    uplinkBitsPerSecond === undefined
      ? ''
      : `, ${racks} racks with uplinks of ${formatRate(uplinkBitsPerSecond)}`
  const shaped = arena === 'loopback' ? ' (loopback, shaped in user space)' : ''
  const { machine, commit } = provenance
  return [
    `${nodes} nodes, ${formatRate(rateBitsPerSecond)} each way${uplinks}${shaped}; ${formatBytes(imageBytes)}: ${image}`,
    `${provenance.date}, commit ${commit}, ${machine.cores} cores (${machine.processor}), Linux ${machine.kernel}, load ${machine.loadBefore.toFixed(1)} before the first run`,
  ].join('\n')
}

function overText(report: Report): string {
  const get = median(report.getSeconds)
  const { runsWanted } = report
  const what = runsWanted === 1 ? 'One run' : `Medians of ${runsWanted} runs`
  const base = `${what}. One HTTP GET of the same bytes between two of these hosts took ${get.toFixed(2)} s`
  const { conditions } = report
  if (conditions.update || conditions.uplinkBitsPerSecond !== undefined) return `${base}.`
  return `${base}; no system can have the last node complete before ${boundSeconds(report).toFixed(2)} s without compressing.`
}
