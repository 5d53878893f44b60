import { type Static, Type } from '@sinclair/typebox'
import { RIGHTS, SUBJECT_KINDS } from '../core/acl.ts'
import { NAME_CHARS_MAX } from '../core/limits.ts'
import { ACL_ENTRIES_MAX, CHAIN_PROBLEMS_MAX, PUBLICATION_CHARS_MAX } from '../core/registry-limits.ts'
import { ImageNameText, NamespaceText, VersionNumber } from './name-schemas.ts'

/** Requests and answers about ACLs and signed chains (docs/specs/signed-registry-v1.md). */

const closed = { additionalProperties: false }
const literals = <const T extends readonly string[]>(values: T) =>
  Type.Unsafe<T[number]>(Type.Union(values.map((value) => Type.Literal(value))))

const Kind = literals(SUBJECT_KINDS)
const Right = literals(RIGHTS)
const Subject = Type.String({
  maxLength: NAME_CHARS_MAX,
  description: 'name of the user, group or node; empty for anyone',
})
const Jws = Type.String({ description: 'compact JWS with x5c, signed by the tracker' })
const Next = Type.Union([Type.Integer(), Type.Null()], {
  description: '`after` of the next page; null on the last, and when no page was asked for',
})

export const AclNamespaceParams = Type.Object({ namespace: NamespaceText }, closed)
export const AclImageParams = Type.Object({ namespace: NamespaceText, name: ImageNameText }, closed)
export const SignatureParams = Type.Object(
  { namespace: NamespaceText, name: ImageNameText, version: VersionNumber },
  closed,
)

/** Statements after this number; without it an ACL comes alone. */
export const ChainQuery = Type.Object(
  {
    after: Type.Optional(
      Type.Integer({
        ...{ minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
        description: 'number of a statement; 0 begins',
      }),
    ),
  },
  closed,
)
export const AclEntryBody = Type.Object({ kind: Kind, subject: Type.Optional(Subject), right: Right }, closed)
export const SetAclBody = Type.Object(
  { entries: Type.Array(AclEntryBody, { maxItems: ACL_ENTRIES_MAX }) },
  closed,
)
export const ChangeAclBody = Type.Object(
  {
    kind: Kind,
    subject: Type.Optional(Subject),
    /** In the place of the one that the subject has; none takes the entry away. */
    right: literals([...RIGHTS, 'none'] as const),
  },
  closed,
)
export const AclView = Type.Object({
  target: Type.String({ description: 'namespace:NAME or image:UUID' }),
  version: Type.Integer({ minimum: 1 }),
  owner: Type.Object({ kind: literals(['user', 'group'] as const), subject: Subject }),
  entries: Type.Array(Type.Object({ kind: Kind, subject: Subject, right: Right })),
  author: Type.String({ description: 'distinguished name of who made this version' }),
  time: Type.String({ description: 'ISO 8601, UTC' }),
  token: Jws,
  statements: Type.Array(Jws, {
    description: 'a page of all versions, oldest first, when `after` was given',
  }),
  next: Next,
})
export const RecordsView = Type.Object({
  image: Type.String({ description: 'UUID' }),
  statements: Type.Array(Jws, { description: 'oldest first' }),
  next: Next,
})
export const PublicationText = Type.String({
  maxLength: PUBLICATION_CHARS_MAX,
  description: 'compact JWS of the publisher',
})
export const SignatureBody = Type.Object({ signature: PublicationText }, closed)
export const SignatureView = Type.Object({
  signature: Type.String({ description: 'compact JWS of who signed, as it came' }),
  record: Jws,
})
export const ChainReport = Type.Object({
  chains: Type.Integer(),
  statements: Type.Integer(),
  renewed: Type.Integer({ description: 'statements that were signed anew' }),
  problems: Type.Array(
    Type.Object({ target: Type.String(), problem: Type.String(), repaired: Type.Boolean() }),
    { maxItems: CHAIN_PROBLEMS_MAX },
  ),
})
export const RepairBody = Type.Object(
  {
    target: Type.String({ maxLength: 300, description: 'as reports name it, or all' }),
    keep: Type.Optional(
      Type.Boolean({ description: 'keep what is signed but perhaps not the newest that there was' }),
    ),
  },
  closed,
)
export const RepairAnswer = Type.Array(
  Type.Object({
    target: Type.String(),
    serial: Type.Integer(),
    entries: Type.Optional(Type.Integer()),
    kept: Type.Optional(Type.Array(Type.Integer())),
    dropped: Type.Optional(Type.Array(Type.Integer())),
  }),
)

export type AclView = Static<typeof AclView>
export type RecordsView = Static<typeof RecordsView>
export type SignatureView = Static<typeof SignatureView>
export type ChainReport = Static<typeof ChainReport>
export type RepairAnswer = Static<typeof RepairAnswer>
export type AclEntryBody = Static<typeof AclEntryBody>
export type ChangeAclBody = Static<typeof ChangeAclBody>
