import { type Static, Type } from '@sinclair/typebox'
import type { ManifestId } from '../core/cid.ts'
import {
  DELEGATION_BYTES_MAX,
  HANDOUT_PEERS_MAX,
  NAME_CHARS_MAX,
  PEER_ADDRESSES_MAX,
  PEER_LABELS_MAX,
  PEER_TEXT_CHARS_MAX,
} from '../core/limits.ts'
import type { PeerAddress, PeerKey } from '../core/router.ts'

/** Requests and answers of nodes: swarms, grants, handouts. Objects of requests refuse unknown fields. */

const closed = { additionalProperties: false }
const text = { minLength: 1, maxLength: PEER_TEXT_CHARS_MAX }

const ManifestText = Type.Unsafe<ManifestId>(Type.String({ pattern: '^b[a-z2-7]{20,120}$' }))
export const PeerText = Type.Unsafe<PeerKey>(Type.String({ pattern: '^[A-Za-z0-9]{16,128}$' }))
const Addresses = Type.Array(Type.String({ ...text, pattern: '^/' }), { maxItems: PEER_ADDRESSES_MAX })
export const Labels = Type.Record(Type.String({ pattern: '^[a-z][a-z0-9_.-]{0,62}$' }), Type.String(text), {
  ...closed,
  maxProperties: PEER_LABELS_MAX,
})
/** Seconds after which a grant or pass should be renewed. */
export const RenewAfterSeconds = Type.Number({ minimum: 0 })
export const Jws = Type.String({ description: 'compact JWS with x5c, signed by the tracker' })
const Time = Type.String({ description: 'ISO 8601, UTC' })
export const DelegationText = Type.String({
  maxLength: DELEGATION_BYTES_MAX,
  description: 'compact JWS of the type bootswarm-delegation+jwt, signed by a user who may read the image',
})

export const JoinBody = Type.Object(
  {
    reference: Type.String({ minLength: 3, maxLength: 4 * NAME_CHARS_MAX }),
    peer: PeerText,
    addresses: Addresses,
    delegation: Type.Optional(DelegationText),
  },
  closed,
)
export const AnnounceBody = Type.Object(
  {
    manifest: ManifestText,
    peer: PeerText,
    addresses: Addresses,
    delegation: Type.Optional(DelegationText),
    runs: Type.Integer({ minimum: 0, description: 'runs of the manifest that the peer holds' }),
    runsTotal: Type.Integer({ minimum: 0 }),
  },
  closed,
)
export const LeaveBody = Type.Object({ manifest: ManifestText, peer: PeerText }, closed)

export const PeerAddressView = Type.Unsafe<PeerAddress>(
  Type.Object({
    peer: PeerText,
    addresses: Type.Array(Type.String()),
    origin: Type.Optional(Type.Boolean()),
    labels: Type.Optional(Type.Record(Type.String(), Type.String())),
  }),
)
const Handout = Type.Unsafe<readonly PeerAddress[]>(
  Type.Array(PeerAddressView, { maxItems: HANDOUT_PEERS_MAX }),
)
export const JoinAnswer = Type.Object({
  record: Jws,
  grant: Jws,
  manifest: ManifestText,
  peers: Handout,
  renewAfterSeconds: RenewAfterSeconds,
})
export const AnnounceAnswer = Type.Object({
  grant: Jws,
  peers: Handout,
  renewAfterSeconds: RenewAfterSeconds,
})
export const SwarmView = Type.Object({
  manifest: ManifestText,
  references: Type.Array(Type.String(), {
    description: 'namespace/name@version of each version with this manifest that the asker may read',
  }),
  complete: Type.Integer(),
  partial: Type.Integer(),
  peers: Type.Array(
    Type.Object({
      peer: PeerText,
      node: Type.String(),
      labels: Type.Record(Type.String(), Type.String()),
      runs: Type.Integer(),
      runsTotal: Type.Integer(),
      announcedAt: Time,
    }),
  ),
})
export const SwarmViews = Type.Array(SwarmView)

export type JoinBody = Static<typeof JoinBody>
export type JoinAnswer = Static<typeof JoinAnswer>
export type AnnounceBody = Static<typeof AnnounceBody>
export type AnnounceAnswer = Static<typeof AnnounceAnswer>
export type LeaveBody = Static<typeof LeaveBody>
export type SwarmView = Static<typeof SwarmView>
