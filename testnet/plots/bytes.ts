import type { BarSeriesOption, EChartsOption } from 'echarts'
import { figuresOf } from '../compare/figures.ts'
import type { Report } from '../compare/report.ts'
import { OWN_COLOUR } from './colours.ts'
import { titleOf } from './completion.ts'
import { renderSvg } from './render.ts'

const ROW_HEIGHT = 44
const CHROME_HEIGHT = 170
const WIDTH = 900
const MiB = 1024 ** 2
const ORIGIN_COLOUR = '#d55e00'

/** What one node received, from whom: one bar for each system. */
export async function bytesSvg(report: Report): Promise<string> {
  const shown = report.systems.flatMap((system) => {
    const figures = figuresOf(system)
    return figures === undefined ? [] : [{ name: system.name, figures }]
  })
  const { nodes } = report.conditions
  const rows = shown.map(({ name, figures }) => {
    const peers = figures.receivedBytes * figures.peerShare
    return { name, peers, origin: figures.receivedBytes - peers, copies: figures.originCopies, nodes }
  })
  const bar = (name: string, color: string, of: (row: (typeof rows)[number]) => number): BarSeriesOption => ({
    ...{ name, color, type: 'bar', stack: 'bytes', barWidth: 24 },
    data: rows.map((row) => Number((of(row) / MiB).toFixed(3))),
  })
  const origin = bar('from the origin', ORIGIN_COLOUR, (row) => row.origin)
  const peers: BarSeriesOption = {
    ...bar('from other nodes', OWN_COLOUR, (row) => row.peers),
    label: {
      show: true,
      position: 'right',
      color: '#24292f',
      fontSize: 12,
      // Over the lines of the grid.
      backgroundColor: '#ffffff',
      padding: [2, 4],
      formatter: ({ dataIndex }) => labelOf(rows[dataIndex]),
    },
  }
  return await renderSvg(
    {
      title: titleOf(report),
      legend: { bottom: 12, left: 'center', itemGap: 40, textStyle: { fontSize: 13 } },
      grid: { left: 130, right: 190, top: 74, bottom: 86 },
      xAxis: {
        type: 'value',
        name: 'MiB on the link of a node, mean of all nodes',
        nameLocation: 'middle',
        nameGap: 30,
      },
      yAxis: {
        type: 'category',
        inverse: true,
        data: rows.map(({ name }) => name),
        axisTick: { show: false },
        axisLabel: { fontSize: 13 },
      },
      series: [origin, peers],
    } satisfies EChartsOption,
    { width: WIDTH, height: CHROME_HEIGHT + ROW_HEIGHT * rows.length },
  )
}

function labelOf(row: { origin: number; peers: number; copies: number } | undefined): string {
  if (row === undefined) return ''
  return `${((row.origin + row.peers) / MiB).toFixed(1)} MiB, origin sent ${row.copies.toFixed(2)} copies`
}
