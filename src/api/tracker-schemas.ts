import { type Static, Type } from '@sinclair/typebox'
import type { ManifestId } from '../core/cid.ts'
import {
  COMMIT_TAGS_MAX,
  HANDOUT_PEERS_MAX,
  NAME_CHARS_MAX,
  PEER_ADDRESSES_MAX,
  PEER_LABELS_MAX,
  PEER_TEXT_CHARS_MAX,
} from '../core/limits.ts'
import type { ImageName, Namespace, Tag } from '../core/reference.ts'
import type { PeerAddress, PeerKey } from '../core/router.ts'

/** Requests and answers of the tracker's HTTP interface. Objects of requests refuse unknown fields. */

const closed = { additionalProperties: false }
const nameRule = {
  minLength: 1,
  maxLength: NAME_CHARS_MAX,
  pattern: '^(?!\\.+$)[a-zA-Z0-9_.-]+$',
}
const text = { minLength: 1, maxLength: PEER_TEXT_CHARS_MAX }

const NamespaceText = Type.Unsafe<Namespace>(Type.String(nameRule))
const ImageNameText = Type.Unsafe<ImageName>(Type.String(nameRule))
const TagText = Type.Unsafe<Tag>(Type.String(nameRule))
const ManifestText = Type.Unsafe<ManifestId>(Type.String({ pattern: '^b[a-z2-7]{20,120}$' }))
const PeerText = Type.Unsafe<PeerKey>(Type.String({ pattern: '^[A-Za-z0-9]{16,128}$' }))
const VersionNumber = Type.Integer({ minimum: 1, maximum: 999_999_999 })
const Time = Type.String({ description: 'ISO 8601, UTC' })
const Addresses = Type.Array(Type.String({ ...text, pattern: '^/' }), { maxItems: PEER_ADDRESSES_MAX })
const Labels = Type.Record(Type.String({ pattern: '^[a-z][a-z0-9_.-]{0,62}$' }), Type.String(text), {
  ...closed,
  maxProperties: PEER_LABELS_MAX,
})
/** Seconds after which the grant should be renewed by another join or announce. */
const RenewAfterSeconds = Type.Number({ minimum: 0 })
const Jws = Type.String({ description: 'compact JWS with x5c, signed by the tracker' })

export const ImageParams = Type.Object({ namespace: NamespaceText, name: ImageNameText }, closed)
export const VersionParams = Type.Object(
  { namespace: NamespaceText, name: ImageNameText, version: VersionNumber },
  closed,
)
export const TagParams = Type.Object({ namespace: NamespaceText, name: ImageNameText, tag: TagText }, closed)
export const UploadParams = Type.Object(
  { upload: Type.String({ pattern: '^[A-Za-z0-9_-]{16,64}$' }) },
  closed,
)

/** Which version of an image: at most one of the three; none means the tag `latest`. */
export const VersionQuery = Type.Object(
  {
    tag: Type.Optional(TagText),
    version: Type.Optional(VersionNumber),
    manifest: Type.Optional(ManifestText),
  },
  { ...closed, maxProperties: 1 },
)

export const CreateImageBody = Type.Object({ namespace: NamespaceText, name: ImageNameText }, closed)
export const SetTagBody = Type.Object({ version: VersionNumber }, closed)
export const CommitBody = Type.Object(
  { manifest: ManifestText, tags: Type.Array(TagText, { maxItems: COMMIT_TAGS_MAX, uniqueItems: true }) },
  closed,
)
export const JoinBody = Type.Object(
  {
    reference: Type.String({ minLength: 3, maxLength: 4 * NAME_CHARS_MAX }),
    peer: PeerText,
    addresses: Addresses,
    labels: Type.Optional(Labels),
  },
  closed,
)
export const AnnounceBody = Type.Object(
  {
    manifest: ManifestText,
    peer: PeerText,
    addresses: Addresses,
    labels: Type.Optional(Labels),
    runs: Type.Integer({ minimum: 0, description: 'runs of the manifest that the peer holds' }),
    runsTotal: Type.Integer({ minimum: 0 }),
  },
  closed,
)
export const LeaveBody = Type.Object({ manifest: ManifestText, peer: PeerText }, closed)

export const VersionView = Type.Object({
  version: VersionNumber,
  manifest: ManifestText,
  size: Type.Integer({ minimum: 0, description: 'bytes of the image' }),
  sha256: Type.Union([Type.String(), Type.Null()], { description: 'hex, of the whole image' }),
  publisher: Type.String({ description: 'distinguished name of who pushed it' }),
  createdAt: Time,
})
export const ImageView = Type.Object({
  namespace: NamespaceText,
  name: ImageNameText,
  ownerDn: Type.String({ description: 'distinguished name of the owner of the namespace' }),
  createdAt: Time,
  tags: Type.Record(Type.String(), VersionNumber),
  versions: Type.Array(VersionView),
})
export const ImageViews = Type.Array(ImageView)
export const UploadAnswer = Type.Object({
  upload: Type.String(),
  expiresAt: Time,
  url: Type.Optional(
    Type.String({
      pattern: '^https://',
      description:
        'the tracker where it was opened and where it goes on; given where several answer by one name',
    }),
  ),
})
export const CommitAnswer = Type.Object({ record: Jws, version: VersionNumber })
export const RecordAnswer = Type.Object({ record: Jws })
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
    description: 'namespace/name@version of each version with this manifest',
  }),
  complete: Type.Integer(),
  partial: Type.Integer(),
  peers: Type.Array(
    Type.Object({
      peer: PeerText,
      principal: Type.String(),
      labels: Type.Record(Type.String(), Type.String()),
      runs: Type.Integer(),
      runsTotal: Type.Integer(),
      announcedAt: Time,
    }),
  ),
})
export const SwarmViews = Type.Array(SwarmView)
export const GcAnswer = Type.Object({
  expiredUploads: Type.Integer({ description: 'uploads that were forgotten' }),
  blocksDeleted: Type.Integer(),
  nodesDeleted: Type.Integer(),
  freedBytes: Type.Integer({ description: 'stored bytes of what was deleted' }),
})

export type VersionView = Static<typeof VersionView>
export type ImageView = Static<typeof ImageView>
export type UploadAnswer = Static<typeof UploadAnswer>
export type CommitAnswer = Static<typeof CommitAnswer>
export type VersionQuery = Static<typeof VersionQuery>
export type JoinBody = Static<typeof JoinBody>
export type JoinAnswer = Static<typeof JoinAnswer>
export type AnnounceBody = Static<typeof AnnounceBody>
export type AnnounceAnswer = Static<typeof AnnounceAnswer>
export type LeaveBody = Static<typeof LeaveBody>
export type SwarmView = Static<typeof SwarmView>
export type GcAnswer = Static<typeof GcAnswer>
