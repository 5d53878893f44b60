import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { OWN_COLOUR } from '../../testnet/plots/colours.ts'
import { renderSvg } from '../../testnet/plots/render.ts'

/** Megabytes of the image a second, for one share of different bytes. */
export interface CbtPoint {
  /** 0 to 1. */
  readonly different: number
  /** What disk and network allow at most. */
  readonly formula: number
  /** Until the node holds the image and can boot from it. */
  readonly held: number
  /** ... and has made a file of it. */
  readonly file: number
  /** rsync --inplace on a copy of the first image. */
  readonly rsync: number
  /** What the node received for it. */
  readonly wireMegabytes: number
}

export interface CbtReport {
  readonly sizeBytes: number
  readonly bitsPerSecond: number
  /** Megabytes a second that were measured of the disk and of one HTTP GET. */
  readonly disk: number
  readonly network: number
  readonly points: readonly CbtPoint[]
}

const COLUMNS = ['different', 'formula', 'held', 'file', 'rsync', 'wireMegabytes'] as const
const LINES = [
  { column: 'formula', name: 'formula', color: '#24292f', type: 'dashed' },
  { column: 'held', name: 'bootswarm, image held', color: OWN_COLOUR, type: 'solid' },
  { column: 'file', name: 'bootswarm, and a file made of it', color: OWN_COLOUR, type: 'dotted' },
  { column: 'rsync', name: 'rsync --inplace', color: '#d55e00', type: 'solid' },
] as const

/** Writes `cbt.json`, `cbt.csv` and `cbt.svg`. */
export async function writeCbtReport(report: CbtReport, dir: string): Promise<void> {
  await mkdir(dir, { recursive: true })
  await writeFile(join(dir, 'cbt.json'), `${JSON.stringify(report, undefined, 2)}\n`)
  await writeFile(join(dir, 'cbt.csv'), csvOf(report))
  await writeFile(join(dir, 'cbt.svg'), await plotOf(report))
}

function csvOf({ points }: CbtReport): string {
  const lines = points.map((point) => COLUMNS.map((column) => Number(point[column].toFixed(3))).join(','))
  return [COLUMNS.join(','), ...lines, ''].join('\n')
}

/** The same axes as in the paper, but for a logarithmic scale: disks are a hundred times as fast as its network now. */
async function plotOf({ points, disk, network, bitsPerSecond }: CbtReport): Promise<string> {
  const link = `${Math.round(bitsPerSecond / 1e6)} Mbit/s`
  const option = {
    title: {
      text: 'Content-Based Transfer: speed of a whole image',
      subtext: `link of ${link}; measured: disk ${disk.toFixed(0)} MB/s, one HTTP GET ${network.toFixed(1)} MB/s`,
      left: 'center',
    },
    legend: { bottom: 0 },
    grid: { left: 70, right: 30, top: 70, bottom: 80 },
    xAxis: {
      type: 'value' as const,
      name: 'share that is different',
      nameLocation: 'middle' as const,
      nameGap: 28,
      max: 1,
    },
    yAxis: { type: 'log' as const, name: 'MB/s' },
    series: LINES.map(({ column, name, color, type }) => ({
      ...{ type: 'line' as const, name, color, symbolSize: 5 },
      lineStyle: { width: 2, type },
      data: points.map((point) => [point.different, point[column]]),
    })),
  }
  return await renderSvg(option, { width: 760, height: 460 })
}
