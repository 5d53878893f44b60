import { type Static, Type } from '@sinclair/typebox'
import { COMMIT_TAGS_MAX } from '../core/registry-limits.ts'
import { PublicationText } from './acl-schemas.ts'
import { ImageNameText, ManifestText, NamespaceText, TagText, VersionNumber } from './name-schemas.ts'

/** Requests and answers of the tracker's HTTP interface. Objects of requests refuse unknown fields. */

const closed = { additionalProperties: false }
const Time = Type.String({ description: 'ISO 8601, UTC' })
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

export const SetTagBody = Type.Object({ version: VersionNumber }, closed)
export const CommitBody = Type.Object(
  {
    manifest: ManifestText,
    tags: Type.Array(TagText, { maxItems: COMMIT_TAGS_MAX, uniqueItems: true }),
    signature: Type.Optional(PublicationText),
    proof: Type.Optional(
      Type.String({
        pattern: '^[0-9a-f]{64}$',
        description:
          'hex sha-256 of the name of the upload, a line feed and the octets of the manifest; needed where the manifest is that of images that the asker may not read',
      }),
    ),
  },
  closed,
)
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
export const GcAnswer = Type.Object({
  expiredUploads: Type.Integer({ description: 'uploads that were forgotten' }),
  blocksDeleted: Type.Integer(),
  nodesDeleted: Type.Integer(),
  freedBytes: Type.Integer({ description: 'stored bytes of what was deleted' }),
})

export type UploadAnswer = Static<typeof UploadAnswer>
export type CommitAnswer = Static<typeof CommitAnswer>
export type VersionQuery = Static<typeof VersionQuery>
export type GcAnswer = Static<typeof GcAnswer>
