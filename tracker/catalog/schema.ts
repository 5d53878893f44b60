import type { ColumnType, Generated } from 'kysely'
import type { ManifestId } from '../../src/core/cid.ts'
import type { ImageName, Namespace, Tag } from '../../src/core/reference.ts'

/** Never changes after it was inserted. */
type Fixed<T> = ColumnType<T, T, never>

/** Tables of the catalog. Times in milliseconds since the epoch; principals by distinguished name. */
export interface CatalogSchema {
  namespaces: {
    namespace: Fixed<Namespace>
    owner: string
    created_at: Fixed<number>
  }
  /** A removed image keeps its row, so that its version numbers are never used again. */
  images: {
    id: Generated<number>
    namespace: Fixed<Namespace>
    name: Fixed<ImageName>
    created_at: number
    last_version: number
    removed: number
  }
  /** Append-only: a row is inserted once and only ever removed as a whole. */
  versions: {
    image: Fixed<number>
    version: Fixed<number>
    manifest: Fixed<ManifestId>
    size: Fixed<number>
    sha256: Fixed<string | null>
    runs: Fixed<number>
    publisher: Fixed<string>
    record: Fixed<string>
    created_at: Fixed<number>
  }
  tags: {
    image: Fixed<number>
    tag: Fixed<Tag>
    version: number
  }
  uploads: {
    upload: Fixed<string>
    image: Fixed<number>
    principal: Fixed<string>
    expires_at: number
    /** Digests in its leases. */
    leased: number
  }
  /** Digests, one after the other, that garbage collection keeps for an upload. */
  leases: {
    id: Generated<number>
    upload: Fixed<string>
    digests: Fixed<Uint8Array>
  }
}
