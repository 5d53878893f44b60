import type { EChartsOption, LineSeriesOption, TitleComponentOption } from 'echarts'
import { formatBytes } from '../../src/cli/units.ts'
import { formatRate } from '../arena/rates.ts'
import { copyBytes, lastSeconds, median, medianRun } from '../compare/figures.ts'
import type { Report, SystemReport } from '../compare/report.ts'
import { coloursOf, isOwn } from './colours.ts'
import { renderSvg } from './render.ts'

const SIZE = { width: 900, height: 500 }
const GRID = { left: 70, right: 30, top: 96, bottom: 100 }

/** How far all receivers were at each moment: one line for each system, up to a dot when the last node was complete. */
export async function completionSvg(report: Report): Promise<string> {
  const shown = report.systems.filter((system) => system.runs.length > 0)
  const colours = coloursOf(shown.map(({ name }) => name))
  const get = median(report.getSeconds)
  const series = shown.map((system) => lineOf(system, colours.get(system.name) ?? '#000000'))
  return await renderSvg(
    {
      title: titleOf(report),
      legend: {
        bottom: 12,
        left: 'center',
        width: SIZE.width - 80,
        itemWidth: 22,
        itemGap: 26,
        textStyle: { fontSize: 13 },
      },
      grid: GRID,
      xAxis: {
        type: 'value',
        name: 'seconds since all nodes asked',
        nameLocation: 'middle',
        nameGap: 30,
        min: 0,
      },
      yAxis: {
        type: 'value',
        name: report.conditions.update
          ? 'of the bytes that arrive in the end'
          : 'of the image, mean of all nodes',
        nameLocation: 'middle',
        nameGap: 48,
        min: 0,
        max: 1,
        axisLabel: { formatter: (value: number) => `${Math.round(value * 100)} %` },
      },
      series: [...series, getLine(get)],
    } satisfies EChartsOption,
    SIZE,
  )
}

export function titleOf({ conditions, runsWanted }: Report): TitleComponentOption {
  const { nodes, rateBitsPerSecond, racks, uplinkBitsPerSecond, imageBytes, update, arena } = conditions
  const uplink =
    uplinkBitsPerSecond === undefined
      ? ''
      : `, ${racks} racks with ${formatRate(uplinkBitsPerSecond)} uplinks`
  const runs = runsWanted === 1 ? 'one run' : `the median of ${runsWanted} runs`
  return {
    text: `${update ? 'A changed image of' : ''} ${formatBytes(imageBytes)} to ${nodes} nodes at the same moment`.trim(),
    subtext: `${formatRate(rateBitsPerSecond)} for each host and direction${uplink}${arena === 'loopback' ? ', loopback' : ''}; ${runs}`,
    left: 20,
    top: 12,
    textStyle: { fontSize: 17, fontWeight: 600, color: '#1f2328' },
    subtextStyle: { fontSize: 13, color: '#57606a' },
  }
}

function lineOf(system: SystemReport, colour: string): LineSeriesOption {
  const run = medianRun(system)
  const points = run?.curve ?? []
  // What a system needs of its own (acknowledgements, duplicates) must not look like more than the image.
  const whole = run === undefined ? 1 : Math.max(copyBytes(run), points.at(-1)?.meanReceivedBytes ?? 1)
  const last = run === undefined ? 0 : lastSeconds(run)
  const data = points.map((point) => [point.seconds, Math.min(1, point.meanReceivedBytes / whole)])
  return {
    name: system.name,
    type: 'line',
    data,
    showSymbol: false,
    color: colour,
    z: isOwn(system.name) ? 5 : 3,
    lineStyle: { width: isOwn(system.name) ? 3.5 : 2 },
    markPoint: {
      symbol: 'circle',
      symbolSize: isOwn(system.name) ? 10 : 7,
      label: { show: false },
      data: [{ name: 'last node', coord: [last, 1] }],
    },
  }
}

/** The time of one GET: what a network could do at best for nodes with links like these. */
function getLine(seconds: number): LineSeriesOption {
  return {
    type: 'line',
    data: [],
    markLine: {
      symbol: 'none',
      silent: true,
      lineStyle: { type: 'dashed', color: '#57606a', width: 1 },
      label: { formatter: 'one HTTP GET', position: 'end', color: '#57606a', fontSize: 12 },
      data: [{ xAxis: seconds }],
    },
  }
}
