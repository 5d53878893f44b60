import type { FieldName } from './metadata.ts'
import type { Pattern } from './pattern.ts'

/** What a query means, whatever it was written in (docs/specs/query-v1.md). */
export interface Query {
  /** What to show; undefined: every field and every free pair. */
  readonly fields: readonly ShownField[] | undefined
  /** Every one must hold. */
  readonly where: readonly Condition[]
  /** Undefined: by namespace and name. */
  readonly order: Order | undefined
  /** Images in the answer; undefined: as many as are usual. */
  readonly limit: number | undefined
  /** Images before these. */
  readonly offset: number | undefined
}

export type QueryField =
  | { readonly kind: 'field'; readonly name: FieldName }
  | { readonly kind: 'property'; readonly key: string }

/** `as`: what the query called it. */
export type ShownField = QueryField & { readonly as: string }

export interface Order {
  readonly field: QueryField
  readonly descending: boolean
}

/** Of `is`, null is what is not set. Flags are booleans. `negated` is what the rest of the condition does not find. */
export type Condition = { readonly field: QueryField } & (
  | { readonly test: 'is'; readonly negated: boolean; readonly value: string | number | boolean | null }
  | { readonly test: 'has'; readonly negated: boolean; readonly word: string }
  /** At least `from`, less than `below`. */
  | { readonly test: 'within'; readonly negated: boolean; readonly from?: number; readonly below?: number }
  /** By code point. */
  | { readonly test: 'compare'; readonly operator: '<' | '<=' | '>' | '>='; readonly value: string }
  | { readonly test: 'matches'; readonly negated: boolean; readonly pattern: Pattern }
)
