import { Kysely, Migrator } from 'kysely'
import { BootswarmError, StorageError } from '../../src/core/errors.ts'
import { AclCatalog } from './acl-catalog.ts'
import { ImageCatalog } from './image-catalog.ts'
import { ImageChanges } from './image-changes.ts'
import { migrations } from './migrations.ts'
import { NamespaceCatalog } from './namespace-catalog.ts'
import type { CatalogSchema } from './schema.ts'
import { nodeSqliteDialect } from './sqlite-dialect.ts'
import { UploadCatalog } from './upload-catalog.ts'
import { UserCatalog } from './user-catalog.ts'

/** The tracker's metadata. Every change is one transaction and survives a crash once it is acknowledged. */
export interface Catalog {
  readonly images: ImageCatalog
  readonly changes: ImageChanges
  readonly namespaces: NamespaceCatalog
  readonly users: UserCatalog
  readonly uploads: UploadCatalog
  readonly acls: AclCatalog
  /** Throws StorageError when the catalog cannot be read. */
  check(): Promise<void>
  close(): Promise<void>
}

/** Opens the catalog at `path`, makes it where it is missing, and brings its tables up to date. */
export async function openCatalog(init: { path: string }): Promise<Catalog> {
  const db = new Kysely<CatalogSchema>({ dialect: nodeSqliteDialect(init) })
  try {
    await migrate(db)
  } catch (error) {
    await db.destroy()
    throw error
  }
  return {
    images: new ImageCatalog({ db }),
    changes: new ImageChanges({ db }),
    namespaces: new NamespaceCatalog({ db }),
    users: new UserCatalog({ db }),
    uploads: new UploadCatalog({ db }),
    acls: new AclCatalog({ db }),
    check: async () => {
      await db.selectFrom('namespaces').select('namespace').limit(1).execute()
    },
    close: () => db.destroy(),
  }
}

async function migrate(db: Kysely<CatalogSchema>): Promise<void> {
  const { error } = await new Migrator({ db, provider: migrations }).migrateToLatest()
  if (error === undefined) return
  if (error instanceof BootswarmError) throw error
  throw new StorageError('the catalog cannot be brought up to date: was it made by a newer tracker?', {
    cause: error,
  })
}
