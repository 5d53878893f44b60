import { type Static, Type } from '@sinclair/typebox'
import type { AuditLine } from '../core/audit-line.ts'
import { AUDIT_ROWS_MAX, AUDIT_TEXT_CHARS_MAX } from '../core/registry-limits.ts'

const text = Type.String({ minLength: 1, maxLength: AUDIT_TEXT_CHARS_MAX })
const time = Type.String({
  maxLength: 40,
  description: 'ISO 8601 (UTC where it names no zone) or seconds since the epoch',
})

export const AuditQuery = Type.Object(
  {
    asker: Type.Optional(Type.String({ ...text, description: 'part of a distinguished name or of a name' })),
    action: Type.Optional(Type.String({ ...text, description: 'beginning of an action' })),
    result: Type.Optional(Type.Union(['done', 'refused', 'failed'].map((word) => Type.Literal(word)))),
    target: Type.Optional(Type.String({ ...text, description: 'part of a name that requests were about' })),
    since: Type.Optional(time),
    until: Type.Optional(time),
    before: Type.Optional(Type.Integer({ minimum: 1, description: '`next` of the page before' })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: AUDIT_ROWS_MAX })),
  },
  { additionalProperties: false },
)

/** As it stands in the file; src/core/audit-line.ts says what each field means. */
export const AuditLineView = Type.Unsafe<AuditLine>(
  Type.Object(
    {
      seq: Type.Integer(),
      time: Type.String(),
      action: Type.String(),
      result: Type.String(),
      prev: Type.String({ description: 'hex sha-256 of the line before' }),
    },
    { additionalProperties: true },
  ),
)
export const AuditAnswer = Type.Object({
  lines: Type.Array(AuditLineView, { description: 'newest first' }),
  next: Type.Union([Type.Integer(), Type.Null()], {
    description:
      '`before` of the next page, which may exist although this one has fewer lines than were wanted; null when there is nothing older',
  }),
})

export type AuditQuery = Static<typeof AuditQuery>
export type AuditAnswer = Static<typeof AuditAnswer>
