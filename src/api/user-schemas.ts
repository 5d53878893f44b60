import { type Static, Type } from '@sinclair/typebox'
import { DN_CHARS_MAX, NAME_CHARS_MAX } from '../core/limits.ts'
import { PERMISSIONS, USER_STATES } from '../core/permission.ts'
import { ACCOUNT_NAMES_MAX, EMAIL_CHARS_MAX, FULL_NAME_CHARS_MAX } from '../core/registry-limits.ts'
import { NamespaceText, NameText } from './name-schemas.ts'
import { ignoresUnknownInForms } from './text-values.ts'

/** Users, as Repoman's interface has them and with what is ours (docs/specs/registry-v1.md section 2). */

const closed = { additionalProperties: false }
const nullable = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T, description: string) =>
  Type.Union([schema, Type.Null()], { description })

/** No control characters. */
const line = '^[^\\u0000-\\u001f\\u007f]*$'
const FullName = Type.String({ maxLength: FULL_NAME_CHARS_MAX, pattern: line })
const Email = Type.Union(
  [
    Type.String({
      maxLength: EMAIL_CHARS_MAX,
      pattern: '^[^\\s@\\u0000-\\u001f\\u007f]+@[^\\s@\\u0000-\\u001f\\u007f]+$',
    }),
    Type.Null(),
  ],
  { description: 'empty or null: none' },
)
const CertDn = Type.String({
  ...{
    minLength: 4,
    maxLength: DN_CHARS_MAX,
    pattern: '^/[^\\u0000-\\u001f\\u007f]+=[^\\u0000-\\u001f\\u007f]+$',
  },
  description: 'distinguished name in slash form',
})
const State = Type.Union(
  USER_STATES.map((state) => Type.Literal(state)),
  { description: 'only active ones may do anything' },
)
const Suspended = Type.Boolean({ description: 'the states suspended and active, as Repoman says it' })
/** A larger number would not be the one that was meant. */
const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })
const QuotaBytes = Type.Union([Count, Type.String({ maxLength: 100 }), Type.Null()], {
  description:
    'bytes of image content: a number, 50GiB or 50*1024*1024*1024; empty or null: what the configuration says',
})
const QuotaImages = Type.Union([Count, Type.String({ pattern: '^[0-9]{1,9}$' }), Type.Null()], {
  description: 'empty or null: what the configuration says',
})

/** A list of names: in JSON a list or comma-separated, in a form comma-separated or repeated. */
export const NameList = Type.Union(
  [
    Type.Array(NameText, { maxItems: ACCOUNT_NAMES_MAX }),
    Type.String({ maxLength: ACCOUNT_NAMES_MAX * (NAME_CHARS_MAX + 1) }),
  ],
  { description: 'names, as a list or comma-separated' },
)

export const UserParams = Type.Object({ user: NameText }, closed)

export const CreateUserBody = Type.Object(
  {
    user_name: NameText,
    cert_dn: CertDn,
    full_name: Type.Optional(FullName),
    email: Type.Optional(Email),
    groups: Type.Optional(NameList),
    suspended: Type.Optional(Suspended),
    state: Type.Optional(State),
    quota_bytes: Type.Optional(QuotaBytes),
    quota_images: Type.Optional(QuotaImages),
  },
  { ...closed, ...ignoresUnknownInForms, xml: { name: 'user' } },
)

export const ModifyUserBody = Type.Object(
  {
    /** Only as it is: names never change. */
    user_name: Type.Optional(NameText),
    full_name: Type.Optional(FullName),
    cert_dn: Type.Optional(CertDn),
    email: Type.Optional(Email),
    suspended: Type.Optional(Suspended),
    state: Type.Optional(State),
    quota_bytes: Type.Optional(QuotaBytes),
    quota_images: Type.Optional(QuotaImages),
  },
  { ...closed, ...ignoresUnknownInForms, xml: { name: 'user' } },
)

const Url = Type.String({ description: 'absolute address' })
export const UserUrls = Type.Array(Type.String({ xml: { name: 'user' } }), {
  description: 'absolute addresses of users',
  xml: { name: 'users' },
})
export const GroupUrls = Type.Array(Type.String({ xml: { name: 'group' } }), {
  description: 'absolute addresses of groups',
  xml: { name: 'groups' },
})
export const PermissionNames = Type.Array(
  Type.Unsafe<(typeof PERMISSIONS)[number]>(
    Type.String({ enum: [...PERMISSIONS], xml: { name: 'permission' } }),
  ),
  { xml: { name: 'permissions' } },
)

const userFields = {
  user_name: NameText,
  full_name: Type.String(),
  email: nullable(Type.String(), 'null also for who may not see it'),
  client_dn: nullable(Type.String(), 'distinguished name of the certificate; null for who may not see it'),
  suspended: Type.Boolean(),
  permissions: PermissionNames,
  groups: GroupUrls,
  images: Type.Array(Url, { description: 'of those that the asker may read', xml: { name: 'images' } }),
  state: State,
  quota_bytes: nullable(
    Type.Integer(),
    'bytes of image content; null: what the configuration says, or not for the asker',
  ),
  quota_images: nullable(Type.Integer(), 'null: what the configuration says, or not for the asker'),
  created: Type.String({ description: 'C ctime form, UTC' }),
}
export const UserObject = Type.Object(userFields, { xml: { name: 'user' } })

/** Who is asking. Fields of a user are there when it is one. */
export const WhoamiAnswer = Type.Object(
  {
    ...Type.Partial(Type.Object(userFields)).properties,
    kind: Type.Union([Type.Literal('user'), Type.Literal('node'), Type.Literal('tracker')]),
    dn: Type.String({ description: 'of the certificate; of the one behind it where it is a proxy' }),
    common_name: Type.String(),
    admin: Type.Boolean(),
    proxy_depth: Type.Integer({ description: 'proxies between the certificate and the asker' }),
    limited: Type.Boolean({ description: 'one of these is limited: it may read and not change' }),
    not_after: Type.String({ description: 'ISO 8601: when the first certificate of the path ends' }),
    namespaces: Type.Array(NamespaceText, { description: 'own namespaces, and those of own groups' }),
  },
  { xml: { name: 'user' } },
)

export type CreateUserBody = Static<typeof CreateUserBody>
export type ModifyUserBody = Static<typeof ModifyUserBody>
export type UserObject = Static<typeof UserObject>
export type WhoamiAnswer = Static<typeof WhoamiAnswer>
