import type { EChartsOption } from 'echarts'
import { StateError } from '../../src/core/errors.ts'

export interface PlotSize {
  /** Pixels, of a screen that shows one for one. */
  readonly width: number
  readonly height: number
}

/** Font of the page that shows the plot, whatever it has. No quotes: they would end the attribute that it is written into. */
const FONT = 'system-ui, -apple-system, Roboto, DejaVu Sans, sans-serif'

/**
 * A plot as one SVG document with a white background, legible on light and dark pages. No browser is involved.
 * Errors: StateError where echarts is not installed (it is a development dependency: plots are made in a clone).
 */
export async function renderSvg(option: EChartsOption, size: PlotSize): Promise<string> {
  const { init } = await import('echarts').catch((cause: unknown) => {
    throw new StateError('plots need echarts, which "npm install" in a clone brings', { cause })
  })
  const chart = init(null, null, { renderer: 'svg', ssr: true, ...size })
  try {
    chart.setOption({
      animation: false,
      backgroundColor: '#ffffff',
      textStyle: { fontFamily: FONT, color: '#24292f' },
      ...option,
    })
    return `${chart.renderToSVGString()}\n`
  } finally {
    chart.dispose()
  }
}
