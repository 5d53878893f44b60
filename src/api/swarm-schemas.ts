import { type Static, Type } from '@sinclair/typebox'
import type { DigestKey, ManifestId } from '../core/cid.ts'
import {
  ANNOUNCE_SWARMS_MAX,
  DELEGATION_BYTES_MAX,
  HANDOUT_PEERS_MAX,
  LEAVE_SWARMS_MAX,
  NAME_CHARS_MAX,
  PEER_ADDRESSES_MAX,
  PEER_LABELS_MAX,
  PEER_TEXT_CHARS_MAX,
  SWARM_PEERS_MAX,
} from '../core/limits.ts'
import { LIST_ROWS_MAX } from '../core/registry-limits.ts'
import type { PeerAddress, PeerKey, RackPlace } from '../core/router.ts'

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
/** What a node says of one swarm that it is in. */
const AnnouncedSwarm = Type.Object(
  {
    manifest: ManifestText,
    delegation: Type.Optional(DelegationText),
    runs: Type.Integer({ minimum: 0, description: 'runs of the manifest that the peer holds' }),
    find: Type.Optional(
      Type.Boolean({ description: 'whether the node looks for peers: a pull is under way' }),
    ),
    grant: Type.Optional(Type.Boolean({ description: 'whether the node needs a fresh grant' })),
  },
  closed,
)
export const AnnounceBody = Type.Object(
  {
    peer: PeerText,
    addresses: Addresses,
    swarms: Type.Array(AnnouncedSwarm, {
      maxItems: ANNOUNCE_SWARMS_MAX,
      description: 'what has changed, and what is to be said again; the node stays in all others',
    }),
  },
  closed,
)
export const LeaveBody = Type.Object(
  {
    peer: PeerText,
    manifests: Type.Optional(
      Type.Array(ManifestText, {
        minItems: 1,
        maxItems: LEAVE_SWARMS_MAX,
        description: 'all swarms when left out',
      }),
    ),
  },
  closed,
)

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
/** Bounded by the largest swarm, because what a peer does with it takes time with its logarithm. */
const RackPlaceView = Type.Unsafe<RackPlace>(
  Type.Object(
    {
      place: Type.Integer({ minimum: 0, maximum: SWARM_PEERS_MAX - 1 }),
      of: Type.Integer({ minimum: 1, maximum: SWARM_PEERS_MAX }),
    },
    {
      description:
        'which of the peers of its rack in the swarm the asker is, and how many they are; left out where its labels name no rack',
    },
  ),
)
export const JoinAnswer = Type.Object({
  record: Jws,
  grant: Jws,
  manifest: ManifestText,
  peers: Handout,
  rack: Type.Optional(RackPlaceView),
  renewAfterSeconds: RenewAfterSeconds,
  profile: Type.Optional(
    Type.Unsafe<DigestKey>(
      Type.String({
        pattern: '^[0-9a-f]{64}$',
        description: 'hex sha-256 of the reads of its boot profile; left out where it has none',
      }),
    ),
  ),
})
/** What the tracker says of one swarm: what was asked for, or why not. */
const AnnouncedAnswer = Type.Object({
  manifest: ManifestText,
  grant: Type.Optional(Jws),
  renewAfterSeconds: Type.Optional(RenewAfterSeconds),
  peers: Type.Optional(Handout),
  rack: Type.Optional(RackPlaceView),
  refused: Type.Optional(
    Type.Object(
      { code: Type.String(), detail: Type.String() },
      { description: 'code and text of a problem document' },
    ),
  ),
})
export const AnnounceAnswer = Type.Object({
  swarms: Type.Array(AnnouncedAnswer, { maxItems: ANNOUNCE_SWARMS_MAX }),
  places: Type.Integer({
    description:
      'swarms that the tracker knows the node in; fewer than it has told of: it tells of all again',
  }),
})

export const SwarmsQuery = Type.Object(
  {
    after: Type.Optional(ManifestText),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: LIST_ROWS_MAX })),
  },
  closed,
)
export const SwarmParams = Type.Object({ manifest: ManifestText }, closed)
export const SwarmPeersQuery = Type.Object(
  {
    after: Type.Optional(PeerText),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: LIST_ROWS_MAX })),
  },
  closed,
)
const swarmFields = {
  manifest: ManifestText,
  references: Type.Array(Type.String(), {
    description: 'namespace/name@version of versions with this manifest that the asker may read',
  }),
  complete: Type.Integer({ description: 'peers that hold all of it' }),
  partial: Type.Integer({ description: 'peers that hold some of it, or nothing yet' }),
}
const SwarmView = Type.Object(swarmFields)
export const SwarmViews = Type.Array(SwarmView)
const SwarmPeerView = Type.Object({
  peer: PeerText,
  node: Type.String(),
  labels: Type.Record(Type.String(), Type.String()),
  runs: Type.Integer(),
  runsTotal: Type.Integer(),
  announcedAt: Time,
})
export const SwarmPeersView = Type.Object({
  ...swarmFields,
  peers: Type.Array(SwarmPeerView, {
    description: 'by peer ID: everybody for admins, itself for a node, nobody for others',
  }),
})

export const RelatedBody = Type.Object(
  { manifest: ManifestText, peer: PeerText, delegation: Type.Optional(DelegationText) },
  closed,
)

export const RelatedAnswer = Type.Object({
  related: Type.Array(
    Type.Object({
      manifest: ManifestText,
      share: Type.Number({
        minimum: 0,
        maximum: 1,
        description: 'estimated share of the blocks asked about that it has',
      }),
      grant: Jws,
      peers: Handout,
    }),
    { description: 'those with most blocks first' },
  ),
  askAgainSeconds: Type.Number({ minimum: 0, description: 'before then the grants are good' }),
})

export type JoinBody = Static<typeof JoinBody>
export type JoinAnswer = Static<typeof JoinAnswer>
export type AnnounceBody = Static<typeof AnnounceBody>
export type AnnouncedSwarm = Static<typeof AnnouncedSwarm>
export type AnnounceAnswer = Static<typeof AnnounceAnswer>
export type AnnouncedAnswer = Static<typeof AnnouncedAnswer>
export type LeaveBody = Static<typeof LeaveBody>
export type SwarmsQuery = Static<typeof SwarmsQuery>
export type SwarmView = Static<typeof SwarmView>
export type SwarmPeersQuery = Static<typeof SwarmPeersQuery>
export type SwarmPeerView = Static<typeof SwarmPeerView>
export type SwarmPeersView = Static<typeof SwarmPeersView>
export type RelatedBody = Static<typeof RelatedBody>
export type RelatedAnswer = Static<typeof RelatedAnswer>
