import type { PlacementView, PlaceView } from '../api/placement-schemas.ts'
import type { TrackerClient } from '../api/tracker-client.ts'
import { labelText } from './labels.ts'
import type { ListView } from './output.ts'
import { formatFacts } from './table.ts'
import { formatShare } from './units.ts'

/** One placement, for people. */
export function placementText(view: PlacementView): string {
  const { placement, image, at, author, state, nodes, waves, labels } = view
  return formatFacts([
    ['placement', String(placement)],
    ['image', image],
    ['nodes', labelText(labels) || 'all'],
    ['begins', at],
    ['by', author],
    ['state', ADVICE[state] === undefined ? state : `${state}: ${ADVICE[state](view)}`],
    ['in all', countText(nodes)],
    ...(waves.length < 2 ? [] : waves.map((wave, i): [string, string] => [`wave ${i + 1}`, countText(wave)])),
  ])
}

const ADVICE: Partial<Record<PlacementView['state'], (view: PlacementView) => string>> = {
  halted: ({ placement }) =>
    `too many nodes failed; "bootswarm placement nodes ${placement}" says why, "bootswarm placement resume ${placement}" tries them again`,
}

/** `3 done, 1 fetching of 8`. */
export function countText(counts: PlacementView['nodes']): string {
  const all = Object.values(counts).reduce((sum, count) => sum + count, 0)
  const parts = (['done', 'fetching', 'waiting', 'failed', 'skipped'] as const).flatMap((state) =>
    counts[state] > 0 ? [`${counts[state]} ${state}`] : [],
  )
  return `${parts.join(', ')} of ${all}`
}

export const PLACEMENT_LIST: ListView<PlacementView> = {
  columns: [
    { title: 'placement', cell: ({ placement }) => String(placement), right: true },
    { title: 'image', cell: ({ image }) => image },
    { title: 'labels', cell: ({ labels }) => labelText(labels) },
    { title: 'begins', cell: ({ at }) => at },
    { title: 'state', cell: ({ state }) => state },
    { title: 'nodes', cell: ({ nodes }) => countText(nodes) },
  ],
  name: ({ placement }) => String(placement),
}

export const PLACE_LIST: ListView<PlaceView> = {
  columns: [
    { title: 'node', cell: ({ node }) => node },
    { title: 'wave', cell: ({ wave }) => String(wave), right: true },
    { title: 'state', cell: ({ state }) => state },
    {
      title: 'fetched',
      cell: ({ state, runs, runsTotal }) =>
        state === 'done' ? '100 %' : runsTotal === 0 ? '' : formatShare(runs, runsTotal),
      right: true,
    },
    { title: 'since', cell: ({ modified }) => modified },
    { title: 'why', cell: ({ error }) => error ?? '' },
  ],
  name: ({ node }) => node,
}

/** Page by page. */
export async function everyPlace(
  client: TrackerClient,
  placement: number,
  options: { signal: AbortSignal },
): Promise<PlaceView[]> {
  const places: PlaceView[] = []
  for (;;) {
    const after = places.at(-1)?.node
    const page = await client.placements.nodes(placement, after === undefined ? {} : { after }, options)
    if (page.length === 0) return places
    places.push(...page)
  }
}
