import type { AclBook } from './acl-book.ts'
import type { ChainComponents } from './chain-book.ts'
import type { RecordBook } from './record-book.ts'

/** Everything that looks after the signed part of a catalog works with these. */
export interface SignedParts extends ChainComponents {
  readonly acls: AclBook
  readonly records: RecordBook
}
