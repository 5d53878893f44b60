import type { Clock } from '../../src/core/clock.ts'
import type { TamperedError } from '../../src/core/errors.ts'
import { AclBook } from '../acl/acl-book.ts'
import { type ChainTransaction, ChainTransactions } from '../acl/chain-transactions.ts'
import type { Journal } from '../acl/journal.ts'
import { RecordBook } from '../acl/record-book.ts'
import type { Seal } from '../acl/seal.ts'
import type { SignedParts } from '../acl/signed-parts.ts'
import { ImageLists } from '../query/image-lists.ts'
import { ImageSearch } from '../query/image-search.ts'
import { AccessCounts } from './access-counts.ts'
import { type CatalogLocation, openDatabase } from './database.ts'
import { GroupCatalog } from './group-catalog.ts'
import { GroupChanges } from './group-changes.ts'
import { HistoryCatalog } from './history-catalog.ts'
import { ImageCatalog } from './image-catalog.ts'
import { ImageChanges } from './image-changes.ts'
import { ImageDetailsCatalog } from './image-details.ts'
import { NamespaceCatalog } from './namespace-catalog.ts'
import { NodeCatalog } from './node-catalog.ts'
import { PlaceCatalog } from './place-catalog.ts'
import { PlacementCatalog } from './placement-catalog.ts'
import { ProfileCatalog } from './profile-catalog.ts'
import { NO_QUOTAS, type Quotas, UsageCatalog } from './quota.ts'
import { RawUploadCatalog } from './raw-upload-catalog.ts'
import { SketchCatalog } from './sketch-catalog.ts'
import { TrackerCatalog } from './tracker-catalog.ts'
import { UploadCatalog } from './upload-catalog.ts'
import { UserCatalog } from './user-catalog.ts'
import { UserChanges } from './user-changes.ts'
import { VersionSignatures } from './version-signatures.ts'

/** The tracker's metadata. Every change is one transaction and survives a crash once it is acknowledged. */
export interface Catalog {
  readonly images: ImageCatalog
  readonly changes: ImageChanges
  readonly details: ImageDetailsCatalog
  readonly namespaces: NamespaceCatalog
  readonly users: UserCatalog
  readonly userChanges: UserChanges
  readonly groups: GroupCatalog
  readonly groupChanges: GroupChanges
  readonly nodes: NodeCatalog
  readonly placements: PlacementCatalog
  readonly places: PlaceCatalog
  readonly sketches: SketchCatalog
  readonly profiles: ProfileCatalog
  readonly uploads: UploadCatalog
  readonly rawUploads: RawUploadCatalog
  readonly history: HistoryCatalog
  readonly usage: UsageCatalog
  readonly accesses: AccessCounts
  /** Images that an asker may read. */
  readonly lists: ImageLists
  readonly search: ImageSearch
  readonly acls: AclBook
  readonly trackers: TrackerCatalog
  /** Whether other trackers may use the same catalog. */
  readonly shared: boolean
  readonly records: RecordBook
  readonly signatures: VersionSignatures
  /** For what looks after chains: adoption, scrubbing, repairs. */
  readonly signed: SignedParts
  /**
   * Runs a change that concerns several of these, ACLs among them: all of it happens or nothing. `work` runs again
   * when another tracker was faster, so it must do nothing outside the transaction.
   */
  transaction<T>(work: (trx: ChainTransaction) => Promise<T>): Promise<T>
  /** Throws StorageError when the catalog cannot be read, BusyError while its server is away. */
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

export type CatalogInit = CatalogLocation & {
  /** Whether enrolled nodes may read what is in a new namespace; they may unless given. */
  readonly nodesRead?: boolean
  /** For users whose rows say nothing; none unless given. */
  readonly quotas?: Quotas
}

/** Opens a catalog, makes it where it is missing, and brings its tables up to date. Errors: those of openDatabase. */
export async function openCatalog(components: CatalogComponents, init: CatalogInit): Promise<Catalog> {
  const { nodesRead = true, quotas = NO_QUOTAS } = init
  const db = await openDatabase(init)
  const transactions = new ChainTransactions({ db, journal: components.journal })
  const signed = { onTampered: () => {}, ...components, db, transactions }
  const acls = new AclBook(signed, { nodesRead })
  const records = new RecordBook(signed)
  return {
    images: new ImageCatalog({ db, acls, records, transactions }, { quotas }),
    changes: new ImageChanges({ db, acls, records, transactions }, { quotas }),
    details: new ImageDetailsCatalog({ db }),
    namespaces: new NamespaceCatalog({ db, acls, transactions }),
    users: new UserCatalog({ db }),
    userChanges: new UserChanges({ db, acls, transactions }),
    groups: new GroupCatalog({ db }),
    groupChanges: new GroupChanges({ acls, transactions }),
    nodes: new NodeCatalog({ db }),
    placements: new PlacementCatalog({ db }),
    places: new PlaceCatalog({ db }),
    sketches: new SketchCatalog({ db }),
    profiles: new ProfileCatalog({ db }),
    uploads: new UploadCatalog({ db }),
    rawUploads: new RawUploadCatalog({ db }),
    history: new HistoryCatalog({ db }),
    usage: new UsageCatalog({ db }, { quotas }),
    accesses: new AccessCounts({ db }),
    lists: new ImageLists({ db }),
    search: new ImageSearch({ db }),
    acls,
    records,
    signatures: new VersionSignatures({ db, records, transactions }),
    signed: { ...signed, acls, records },
    trackers: new TrackerCatalog({ db }),
    shared: !('path' in init),
    transaction: (work) => transactions.run(work),
    check: async () => {
      await db.selectFrom('namespaces').select('namespace').limit(1).execute()
    },
    close: () => db.destroy(),
  }
}
