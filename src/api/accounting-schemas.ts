import { type Static, Type } from '@sinclair/typebox'
import { NAME_CHARS_MAX } from '../core/limits.ts'
import { HISTORY_ROWS_MAX, LIST_ROWS_MAX } from '../core/registry-limits.ts'

/** Requests and answers about what happened to images and what users own. */

const closed = { additionalProperties: false }
const Bytes = Type.Integer({ minimum: 0 })
const Quota = (description: string) =>
  Type.Union([Type.Integer({ minimum: 0 }), Type.Null()], { description })

export const HistoryQuery = Type.Object(
  {
    after: Type.Optional(
      Type.Integer({
        ...{ minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
        description: '`next` of the page before',
      }),
    ),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: HISTORY_ROWS_MAX })),
  },
  closed,
)
export const HistoryEntryView = Type.Object({
  id: Type.Integer({ description: 'rises with time' }),
  at: Type.String({ description: 'ISO 8601, UTC' }),
  name: Type.String({ description: 'namespace/name at that time' }),
  author: Type.Union([Type.String(), Type.Null()], {
    description: 'distinguished name of who did it; null for those who may only read the image',
  }),
  action: Type.String(),
  details: Type.Record(Type.String(), Type.Unknown()),
})
export const HistoryAnswer = Type.Object({
  entries: Type.Array(HistoryEntryView, { description: 'oldest first' }),
  next: Type.Union([Type.Integer(), Type.Null()], {
    description: '`after` of the next page; null on the last',
  }),
})

export const UsageQuery = Type.Object(
  {
    after: Type.Optional(
      Type.String({
        ...{ maxLength: NAME_CHARS_MAX, pattern: '^[a-zA-Z0-9_.-]*$' },
        description: '`next` of the page before',
      }),
    ),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: LIST_ROWS_MAX })),
  },
  closed,
)
export const UsageView = Type.Object({
  user_name: Type.String(),
  images: Type.Integer({ minimum: 0 }),
  bytes: Type.Integer({ minimum: 0, description: 'content of every version that is kept, holes left out' }),
  uploading_bytes: Bytes,
  quota_bytes: Quota('null: no bound'),
  quota_images: Quota('null: no bound'),
})
export const UsageAnswer = Type.Object({
  users: Type.Array(UsageView, { description: 'the asker; for admins every user, by name' }),
  next: Type.Union([Type.String(), Type.Null()], {
    description: '`after` of the next page; null on the last',
  }),
})

export type HistoryAnswer = Static<typeof HistoryAnswer>
export type HistoryEntryView = Static<typeof HistoryEntryView>
export type UsageView = Static<typeof UsageView>
export type UsageAnswer = Static<typeof UsageAnswer>
