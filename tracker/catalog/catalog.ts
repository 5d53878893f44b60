import { Kysely, Migrator } from 'kysely'
import type { Clock } from '../../src/core/clock.ts'
import { BootswarmError, StorageError, type TamperedError } from '../../src/core/errors.ts'
import { AclBook } from '../acl/acl-book.ts'
import { type ChainTransaction, ChainTransactions } from '../acl/chain-transactions.ts'
import type { Journal } from '../acl/journal.ts'
import type { Seal } from '../acl/seal.ts'
import { HistoryCatalog } from './history-catalog.ts'
import { ImageCatalog } from './image-catalog.ts'
import { ImageChanges } from './image-changes.ts'
import { migrations } from './migrations.ts'
import { NamespaceCatalog } from './namespace-catalog.ts'
import { NO_QUOTAS, type Quotas, UsageCatalog } from './quota.ts'
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
  readonly history: HistoryCatalog
  readonly usage: UsageCatalog
  readonly acls: AclBook
  /**
   * Runs a change that concerns several of these, ACLs among them: all of it happens or nothing. `work` runs again
   * when another tracker was faster, so it must do nothing outside the transaction.
   */
  transaction<T>(work: (trx: ChainTransaction) => Promise<T>): Promise<T>
  /** Throws StorageError when the catalog cannot be read. */
  check(): Promise<void>
  close(): Promise<void>
}

/** What keeps the signed part of a catalog. */
export interface CatalogComponents {
  readonly seal: Seal
  readonly journal: Journal
  readonly clock: Clock
  /** Told of everything signed that was changed outside the tracker. */
  readonly onTampered?: (error: TamperedError) => void
}

export interface CatalogInit {
  readonly path: string
  /** Whether enrolled nodes may read what is in a new namespace; they may unless given. */
  readonly nodesRead?: boolean
  /** For users whose rows say nothing; none unless given. */
  readonly quotas?: Quotas
}

/** Opens the catalog at `path`, makes it where it is missing, and brings its tables up to date. */
export async function openCatalog(components: CatalogComponents, init: CatalogInit): Promise<Catalog> {
  const { nodesRead = true, quotas = NO_QUOTAS } = init
  const db = new Kysely<CatalogSchema>({ dialect: nodeSqliteDialect(init) })
  try {
    await migrate(db)
  } catch (error) {
    await db.destroy()
    throw error
  }
  const transactions = new ChainTransactions({ db, journal: components.journal })
  const signed = { onTampered: () => {}, ...components, db, transactions }
  const acls = new AclBook(signed, { nodesRead })
  return {
    images: new ImageCatalog({ db, acls, transactions }, { quotas }),
    changes: new ImageChanges({ db, acls, transactions }, { quotas }),
    namespaces: new NamespaceCatalog({ db, acls, transactions }),
    users: new UserCatalog({ db }),
    uploads: new UploadCatalog({ db }),
    history: new HistoryCatalog({ db }),
    usage: new UsageCatalog({ db }, { quotas }),
    acls,
    transaction: (work) => transactions.run(work),
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
