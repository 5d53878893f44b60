import { type Static, Type } from '@sinclair/typebox'
import { NAME_CHARS_MAX } from '../core/limits.ts'
import { PLACE_STATES, PLACEMENT_STATES } from '../core/placement.ts'
import {
  NODES_MAX,
  ORDER_WAIT_S_MAX,
  PLACE_ERROR_CHARS_MAX,
  PLACEMENT_WAVES_MAX,
  PLACEMENTS_MAX,
  PLACES_AT_ONCE_MAX,
  PLACES_LIST_ROWS,
} from '../core/registry-limits.ts'
import { NodeName } from './node-enrolment-schemas.ts'
import { Labels, PeerText } from './swarm-schemas.ts'

/** Requests and answers about placements: which nodes are to have which image. */

const closed = { additionalProperties: false }
const Time = Type.String({ description: 'ISO 8601, UTC' })
const Count = Type.Integer({ minimum: 0 })
const PlacementId = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER })
const PlaceState = Type.Union(PLACE_STATES.map((state) => Type.Literal(state)))
const NodeNames = Type.Array(NodeName, { minItems: 1, maxItems: PLACES_LIST_ROWS })

export const PlacementParams = Type.Object({ placement: PlacementId }, closed)

export const PlacementsQuery = Type.Object(
  {
    before: Type.Optional(PlacementId),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: PLACEMENTS_MAX })),
  },
  closed,
)

export const PlacesQuery = Type.Object(
  {
    after: Type.Optional(NodeName),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: PLACES_LIST_ROWS })),
  },
  closed,
)

export const PlaceBody = Type.Object(
  {
    reference: Type.String({ minLength: 3, maxLength: 4 * NAME_CHARS_MAX }),
    labels: Type.Optional(Labels),
    copies: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: NODES_MAX,
        description: 'nodes that get it; all with the labels unless given',
      }),
    ),
    at: Type.Optional(
      Type.String({
        pattern: '^\\d{4}-\\d\\d-\\d\\dT[0-9:.+Z-]{5,20}$',
        description: 'when it begins; now unless given',
      }),
    ),
    waves: Type.Optional(
      Type.Array(Type.String({ pattern: '^[1-9]\\d{0,5}%?$' }), {
        maxItems: PLACEMENT_WAVES_MAX,
        description: 'nodes, or percentages of all, up to and with each wave: 1, 10%, 100%',
      }),
    ),
    failuresMax: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: NODES_MAX,
        description: 'failed nodes with which it goes on; 0 unless given',
      }),
    ),
  },
  closed,
)

export const ChangePlacementBody = Type.Union([
  Type.Object({ action: Type.Literal('cancel') }, closed),
  Type.Object({ action: Type.Literal('resume'), skipFailed: Type.Optional(Type.Boolean()) }, closed),
  Type.Object({ action: Type.Literal('skip'), nodes: NodeNames }, closed),
])

const Counts = Type.Object({
  waiting: Count,
  fetching: Count,
  done: Count,
  failed: Count,
  skipped: Count,
})

export const PlacementView = Type.Object({
  placement: PlacementId,
  image: Type.String({ description: 'namespace/name@version' }),
  manifest: Type.String(),
  labels: Type.Record(Type.String(), Type.String()),
  at: Time,
  failuresMax: Count,
  state: Type.Union([
    ...PLACEMENT_STATES.map((state) => Type.Literal(state)),
    Type.Literal('waiting', { description: 'for its time' }),
    Type.Literal('done', { description: 'every place has ended' }),
  ]),
  author: Type.String(),
  created: Time,
  nodes: Counts,
  waves: Type.Array(Counts),
})
export const PlacementViews = Type.Array(PlacementView)

export const PlaceView = Type.Object({
  node: Type.String(),
  wave: Type.Integer({ minimum: 1 }),
  state: PlaceState,
  runs: Count,
  runsTotal: Count,
  error: Type.Union([Type.String(), Type.Null()]),
  modified: Time,
})
export const PlaceViews = Type.Array(PlaceView)

const Report = Type.Object(
  {
    placement: PlacementId,
    state: Type.Union([Type.Literal('fetching'), Type.Literal('done'), Type.Literal('failed')]),
    runs: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
    runsTotal: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
    error: Type.Optional(Type.String({ maxLength: PLACE_ERROR_CHARS_MAX })),
  },
  closed,
)

export const OrdersBody = Type.Object(
  {
    peer: PeerText,
    reports: Type.Array(Report, { maxItems: 2 * PLACES_AT_ONCE_MAX }),
    waitSeconds: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: ORDER_WAIT_S_MAX,
        description: 'for how long the answer may wait while there is nothing to fetch; 0 unless given',
      }),
    ),
  },
  closed,
)

export const OrdersAnswer = Type.Object({
  orders: Type.Array(
    Type.Object({
      placement: PlacementId,
      reference: Type.String({ description: 'namespace/name@version' }),
    }),
  ),
  askAgainSeconds: Type.Number({ minimum: 0 }),
})

export type PlaceBody = Static<typeof PlaceBody>
export type ChangePlacementBody = Static<typeof ChangePlacementBody>
export type PlacementView = Static<typeof PlacementView>
export type PlaceView = Static<typeof PlaceView>
export type OrdersBody = Static<typeof OrdersBody>
export type OrdersAnswer = Static<typeof OrdersAnswer>
