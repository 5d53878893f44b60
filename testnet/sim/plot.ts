import { OWN_COLOUR } from '../plots/colours.ts'
import { renderSvg } from '../plots/render.ts'
import type { SimReport } from './report.ts'

/** The completion curve as SVG: what a node holds, and how many are complete, with the bound. */
export function curveSvg({ scenario, init, played }: SimReport): Promise<string> {
  const nodes = Math.max(1, init.nodes)
  const points = played.curve.map(({ seconds, held, complete }) => ({
    seconds,
    held,
    complete: complete / nodes,
  }))
  const bound = played.bound.ms / 1000
  return renderSvg(
    {
      title: { text: `${scenario}: ${init.nodes} nodes, seed ${init.seed}`, left: 'center' },
      legend: { bottom: 0 },
      grid: { left: 60, right: 30, top: 50, bottom: 70 },
      xAxis: { type: 'value', name: 'seconds', nameLocation: 'middle', nameGap: 28, min: 0 },
      yAxis: { type: 'value', min: 0, max: 1 },
      series: [
        {
          name: 'image held (mean)',
          ...{ type: 'line', showSymbol: false, color: '#6b7280' },
          data: points.map(({ seconds, held }) => [seconds, held]),
        },
        {
          name: 'nodes complete',
          ...{ type: 'line', showSymbol: false, step: 'end', color: OWN_COLOUR },
          data: points.map(({ seconds, complete }) => [seconds, complete]),
          markLine: {
            ...{ symbol: 'none', label: { formatter: 'bound' } },
            data: [{ xAxis: bound }],
          },
        },
      ],
    },
    { width: 760, height: 420 },
  )
}
