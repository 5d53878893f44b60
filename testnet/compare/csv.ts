import { copyBytes, lastSeconds, median } from './figures.ts'
import type { Report, SystemReport, SystemRun } from './report.ts'

type Cell = string | number | undefined

const RUN_COLUMNS = [
  ...['system', 'version', 'run', 'commit', 'date', 'seed', 'arena', 'nodes', 'rate_bits_per_second'],
  ...['racks', 'uplink_bits_per_second', 'image_bytes', 'update', 'get_seconds', 'last_seconds'],
  ...['median_seconds', 'ratio', 'copy_bytes', 'received_bytes', 'origin_sent_bytes', 'from_peers_bytes'],
  ...['cross_rack_bytes', 'duplicate_bytes', 'cpu_seconds', 'verified', 'failure'],
] as const

/** One line for each run of each system, and one for each failure (RFC 4180). */
export function runsCsv(report: Report): string {
  const rows = report.systems.flatMap((system) => {
    const runs = system.runs.map((run, i) => runRow(report, system, { run, number: i + 1 }))
    const failed = system.lack ?? system.failure
    return failed === undefined ? runs : [...runs, failureRow(report, system)]
  })
  return csvOf(RUN_COLUMNS, rows)
}

/** The points of all completion curves. */
export function curvesCsv(report: Report): string {
  const rows = report.systems.flatMap(({ name, runs }) =>
    runs.flatMap(({ curve }, i) =>
      curve.map((point) => [
        ...[name, i + 1, point.seconds.toFixed(3), Math.round(point.meanReceivedBytes), point.complete],
      ]),
    ),
  )
  return csvOf(['system', 'run', 'seconds', 'mean_received_bytes', 'complete'], rows)
}

function conditionCells(report: Report): Cell[] {
  const { provenance, conditions: c } = report
  const { commit, date } = provenance
  const network = [c.arena, c.nodes, c.rateBitsPerSecond, c.racks, c.uplinkBitsPerSecond]
  return [commit, date, c.seed, ...network, c.imageBytes, c.update ? 1 : 0]
}

function runRow(report: Report, system: SystemReport, { run, number }: { run: SystemRun; number: number }) {
  const seconds = run.nodes.map((node) => node.seconds)
  const received = run.nodes.reduce((sum, node) => sum + node.receivedBytes, 0)
  return [
    ...[system.name, system.version, number, ...conditionCells(report), run.getSeconds.toFixed(3)],
    ...[lastSeconds(run).toFixed(3), median(seconds).toFixed(3)],
    ...[(lastSeconds(run) / run.getSeconds).toFixed(4), Math.round(copyBytes(run))],
    ...[received, run.originSentBytes, run.fromPeersBytes, run.crossRackBytes, run.duplicateBytes],
    ...[run.cpuSeconds.toFixed(2), run.verified, undefined],
  ]
}

function failureRow(report: Report, { name, version, runs, lack, failure }: SystemReport): Cell[] {
  const cells: Cell[] = [name, version, runs.length + 1, ...conditionCells(report)]
  const empty = Array.from({ length: RUN_COLUMNS.length - cells.length - 1 }, () => undefined)
  return [...cells, ...empty, lack ?? failure]
}

function csvOf(columns: readonly string[], rows: readonly (readonly Cell[])[]): string {
  return [columns, ...rows].map((row) => `${row.map(csvCell).join(',')}\r\n`).join('')
}

/** Quoted where RFC 4180 asks for it. */
function csvCell(cell: Cell): string {
  const text = cell === undefined ? '' : String(cell)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
