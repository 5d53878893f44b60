import { type Static, Type } from '@sinclair/typebox'
import { NAME_CHARS_MAX, PEER_PROOF_BYTES_MAX } from '../core/limits.ts'
import { NODE_STATES } from '../core/permission.ts'
import { LIST_ROWS_MAX } from '../core/registry-limits.ts'
import { Jws, Labels, PeerText, RenewAfterSeconds } from './swarm-schemas.ts'

/** Requests and answers about the nodes of a site. */

const closed = { additionalProperties: false }
const Time = Type.String({ description: 'ISO 8601, UTC' })
export const NodeName = Type.String({
  minLength: 1,
  maxLength: NAME_CHARS_MAX,
  pattern: '^(?!\\.+$)[a-zA-Z0-9_.-]+$',
})
const State = Type.Union(NODE_STATES.map((state) => Type.Literal(state)))

export const NodeParams = Type.Object({ node: NodeName }, closed)

export const NodesQuery = Type.Object(
  {
    state: Type.Optional(State),
    after: Type.Optional(NodeName),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: LIST_ROWS_MAX })),
  },
  closed,
)

export const EnrolBody = Type.Object(
  {
    peer: PeerText,
    proof: Type.String({
      maxLength: PEER_PROOF_BYTES_MAX,
      description: 'compact JWS of the type bootswarm-peer-proof+jwt, signed with the peer key',
    }),
    name: Type.Optional(NodeName),
    labels: Type.Optional(Labels),
  },
  closed,
)

export const ChangeNodeBody = Type.Object(
  {
    state: Type.Optional(Type.Union([Type.Literal('active'), Type.Literal('revoked')])),
    labels: Type.Optional(Labels),
  },
  { ...closed, minProperties: 1 },
)

export const PassBody = Type.Object({ peer: PeerText }, closed)

export const NodeView = Type.Object({
  name: Type.String(),
  dn: Type.String({ description: 'distinguished name of its certificate' }),
  peer: PeerText,
  labels: Type.Record(Type.String(), Type.String()),
  state: State,
  created: Time,
  modified: Time,
  seen: Type.Union([Time, Type.Null()], { description: 'when it was last given a pass' }),
})
export const NodeViews = Type.Array(NodeView)

export const PassAnswer = Type.Object({ pass: Jws, renewAfterSeconds: RenewAfterSeconds })

/** `pass` is left out while the node is not active. */
export const EnrolAnswer = Type.Object({ node: NodeView, pass: Type.Optional(PassAnswer) })

export type EnrolBody = Static<typeof EnrolBody>
export type EnrolAnswer = Static<typeof EnrolAnswer>
export type NodesQuery = Static<typeof NodesQuery>
export type ChangeNodeBody = Static<typeof ChangeNodeBody>
export type PassAnswer = Static<typeof PassAnswer>
export type NodeView = Static<typeof NodeView>
