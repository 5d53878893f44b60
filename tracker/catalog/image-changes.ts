import type { Kysely } from 'kysely'
import { type AclEntry, imageTarget } from '../../src/core/acl.ts'
import { ConflictError, NotFoundError, StateError } from '../../src/core/errors.ts'
import { PROPERTY_PREFIX } from '../../src/core/metadata.ts'
import type { MetadataChange } from '../../src/core/metadata-values.ts'
import type { ImageRecord, RecordFacts } from '../../src/core/record.ts'
import type { AclBook } from '../acl/acl-book.ts'
import type { ChainTransaction, ChainTransactions } from '../acl/chain-transactions.ts'
import type { PreparedRecords, RecordBook } from '../acl/record-book.ts'
import { type Db, takeTurn } from './db.ts'
import { formerNumber, rememberName } from './former-names.ts'
import { type Change, writeHistory } from './history-catalog.ts'
import type { ImageComponents } from './image-catalog.ts'
import { checkImageCount } from './image-counts.ts'
import { imageColumns, setProperties } from './image-fields.ts'
import {
  type ImageKey,
  imageRow,
  type StoredImage,
  type StoredVersion,
  selectVersions,
} from './image-rows.ts'
import { stepState } from './image-states.ts'
import { readOnly } from './next-version.ts'
import { checkQuota, type Quotas } from './quota.ts'
import type { CatalogSchema } from './schema.ts'

/** Changes that have an action of their own in the history. */
const TOLD_APART: ReadonlySet<string> = new Set(['name', 'namespace', 'owner', 'state'])

/** What a rename does to the numbers of an image. */
export interface RenamePlan {
  /** Added to every number: the highest that other images have had under the new name. */
  readonly numbersFrom: number
  readonly lastVersion: number
  readonly versions: readonly StoredVersion[]
}

/** A plan with the new record of each version, in its order. */
export interface SignedPlan extends RenamePlan {
  readonly records: PreparedRecords
}

/** What a request changes beside names and owners. */
export interface ImageEdit extends MetadataChange {
  /** What the ACL allows from then on, and subjects that go from it. */
  readonly grants?: readonly AclEntry[]
  readonly revokes?: readonly Omit<AclEntry, 'right'>[]
}

export interface Rename {
  readonly image: StoredImage
  readonly to: ImageKey
  /** The owner from then on; undefined: as it is. */
  readonly owner: { readonly id: number; readonly name: string } | undefined
  readonly plan: SignedPlan
}

/** Changes of images that exist. Each is all or nothing, and refused with StateError while the image is read only. */
export class ImageChanges {
  readonly #db: Kysely<CatalogSchema>
  readonly #acls: AclBook
  readonly #records: RecordBook
  readonly #transactions: ChainTransactions
  readonly #quotas: Quotas

  constructor(components: ImageComponents, init: { quotas: Quotas }) {
    this.#db = components.db
    this.#acls = components.acls
    this.#records = components.records
    this.#transactions = components.transactions
    this.#quotas = init.quotas
  }

  /**
   * Changes metadata and state. A change that unsets `read_only` may change other things too. Errors: NotFoundError, StateError,
   * LimitError.
   */
  async change(image: StoredImage, edit: ImageEdit, by: Change): Promise<void> {
    await this.#transactions.run(async (trx) => {
      await applyChange(trx, image, { ...edit, ...by })
      await this.#changeAcl(trx, image, { ...edit, ...by })
    })
  }

  /** Signs what a rename makes of the records, before the transaction that does it. Errors: NotFoundError, TamperedError. */
  async planRename(image: StoredImage, to: ImageKey): Promise<SignedPlan> {
    const plans: RenamePlan[] = []
    const rows = await this.#records.checked(async () => {
      // Read again where a version came meanwhile, which the chain has and the first reading has not.
      const plan = await planOf(this.#db, image, to)
      plans.push(plan)
      return [...plan.versions]
    })
    const plan = plans.at(-1) ?? (await planOf(this.#db, image, to))
    const news = rows.map((row) => renamed(this.#records.read(row), { to, by: plan.numbersFrom }))
    return { ...plan, records: await this.#records.prepare(image.uuid, news) }
  }

  /**
   * Gives an image another name, with what else a request changes. Errors: ConflictError when the name is taken, or when something
   * changed since the plan was made (data: `again` true); those of `change`; LimitError, QuotaError of a new owner.
   */
  async rename(rename: Rename, edit: ImageEdit, by: Change): Promise<void> {
    await this.#transactions.run(async (trx) => {
      await takeTurn(trx, `images:${rename.to.namespace}`)
      await applyChange(trx, rename.image, { ...edit, ...by })
      await this.#changeAcl(trx, rename.image, { ...edit, ...by })
      await checkPlan(trx, rename)
      await checkNewOwner(trx, rename, this.#quotas)
      await takeName(trx, rename)
      await renumber(trx, rename)
      await this.#records.put(trx, rename.plan.records)
      await this.#tellAcl(trx, rename, by)
      await tellRename(trx, rename, by)
    })
  }

  async #changeAcl(
    trx: ChainTransaction,
    { uuid }: StoredImage,
    { grants = [], revokes = [], author }: ImageEdit & Change,
  ): Promise<void> {
    const target = imageTarget(uuid)
    for (const entry of grants) await this.#acls.allow(target, entry, { author, trx })
    for (const subject of revokes) await this.#acls.revoke(target, subject, { author, trx })
  }

  async #tellAcl(trx: ChainTransaction, { image, to, owner }: Rename, { author }: Change): Promise<void> {
    await this.#acls.renameImage(image.uuid, to, { author, trx })
    if (owner === undefined) return
    const subject = { kind: 'user', subject: owner.name } as const
    await this.#acls.setOwner(imageTarget(image.uuid), subject, { author, trx })
  }
}

async function applyChange(
  trx: Db,
  image: StoredImage,
  { fields, properties, author, nowMs }: MetadataChange & Change,
): Promise<void> {
  let update = trx
    .updateTable('images')
    .set({ ...imageColumns(fields), modified_at: nowMs })
    .where('id', '=', image.id)
    .where('uuid', '=', image.uuid)
    .where('removed', '=', 0)
  if (fields.read_only !== false) update = update.where('read_only', '=', 0)
  if ((await update.executeTakeFirstOrThrow()).numUpdatedRows === 0n) {
    const { namespace, name } = await imageRow(trx, image)
    throw readOnly(`${namespace}/${name}`)
  }
  const { state } = fields
  const event = state === 'locked' ? 'lock' : 'unlock'
  if (state !== undefined && !(await stepState(trx, image.id, { event, by: { author, nowMs } })))
    throw new StateError(`${image.namespace}/${image.name} has no bytes yet: its state follows its upload`)
  await setProperties(trx, image.id, properties)
  const keys = Object.keys(properties).map((key) => `${PROPERTY_PREFIX}${key}`)
  const names = [...Object.keys(fields), ...keys].filter((name) => !TOLD_APART.has(name))
  if (names.length === 0) return
  await writeHistory(trx, image, { author, nowMs, action: 'modified', details: { fields: names } })
}

/** The numbers move with the name, and what it takes from its owner's quota with the owner. */
async function tellRename(trx: Db, { image, to, owner }: Rename, by: Change): Promise<void> {
  const subject = { ...to, uuid: image.uuid }
  if (!isSame(image, to)) {
    const details = { from: `${image.namespace}/${image.name}` }
    await writeHistory(trx, subject, { ...by, action: 'renamed', details })
  }
  if (owner === undefined || owner.id === image.ownerId) return
  const details = { from: image.ownerName, to: owner.name }
  await writeHistory(trx, subject, { ...by, action: 'owner', details })
}

async function checkNewOwner(trx: Db, { image, owner }: Rename, quotas: Quotas): Promise<void> {
  if (owner === undefined || owner.id === image.ownerId) return
  const { bytes } = await trx
    .selectFrom('versions')
    .select((select) => select.fn.sum<number | null>('content_bytes').as('bytes'))
    .where('image', '=', image.id)
    .executeTakeFirstOrThrow()
  await checkQuota(trx, { owner: owner.id, images: 1, bytes: bytes ?? 0 }, quotas)
}

/** What a record says under the new name. */
function renamed(record: ImageRecord, { to, by }: { to: ImageKey; by: number }): RecordFacts {
  const { namespace, name, version, manifest, size, sha256, publisher, signature } = record
  return {
    ...{ event: 'rename', namespace: to.namespace, name: to.name, version: version + by },
    ...{ manifest, size, sha256, publisher, signature, formerly: { namespace, name, version } },
  }
}

function isSame(image: ImageKey, to: ImageKey): boolean {
  return to.namespace === image.namespace && to.name === image.name
}

async function planOf(db: Db, image: StoredImage, to: ImageKey): Promise<RenamePlan> {
  const row = await db
    .selectFrom('images')
    .select(['last_version', 'namespace', 'name'])
    .where('id', '=', image.id)
    .where('uuid', '=', image.uuid)
    .where('removed', '=', 0)
    .executeTakeFirst()
  if (row?.namespace !== image.namespace || row.name !== image.name)
    throw new NotFoundError(`there is no image ${image.namespace}/${image.name}`)
  if (isSame(image, to)) return { numbersFrom: 0, lastVersion: row.last_version, versions: [] }
  const gone = await db
    .selectFrom('images')
    .select('last_version')
    .where('namespace', '=', to.namespace)
    .where('name', '=', to.name)
    .where('removed', '=', 1)
    .executeTakeFirst()
  const versions = selectVersions(db).where('versions.image', '=', image.id)
  const numbersFrom = Math.max(gone?.last_version ?? 0, await formerNumber(db, to, image.uuid))
  const list = await versions.orderBy('versions.version', 'desc').execute()
  return { numbersFrom, lastVersion: row.last_version, versions: list }
}

async function checkPlan(trx: Db, { image, to, plan }: Rename): Promise<void> {
  const now = await planOf(trx, image, to)
  const same = now.versions.every(({ version }, i) => version === plan.versions[i]?.version)
  if (
    same &&
    now.versions.length === plan.versions.length &&
    now.numbersFrom === plan.numbersFrom &&
    now.lastVersion === plan.lastVersion
  )
    return
  throw new ConflictError(`${image.namespace}/${image.name} changed meanwhile: try again`, {
    data: { again: true },
  })
}

async function takeName(trx: Db, { image, to, owner, plan }: Rename): Promise<void> {
  const { namespace, name } = to
  const ownerId = owner?.id ?? image.ownerId
  if (isSame(image, to)) {
    await trx.updateTable('images').set({ owner: ownerId }).where('id', '=', image.id).execute()
    return
  }
  const others = trx.selectFrom('images').select('id').where('namespace', '=', namespace)
  const taken = others.where('name', '=', name).where('removed', '=', 0)
  if ((await taken.executeTakeFirst()) !== undefined)
    throw new ConflictError(`the image ${namespace}/${name} exists`)
  if (namespace !== image.namespace) await checkImageCount(trx, namespace)
  const { lastVersion, numbersFrom } = plan
  if (lastVersion > 0) await rememberName(trx, image, { uuid: image.uuid, lastVersion })
  const former = trx.deleteFrom('former_names').where('namespace', '=', namespace)
  await former.where('name', '=', name).execute()
  const gone = trx.deleteFrom('images').where('namespace', '=', namespace).where('name', '=', name)
  await gone.where('removed', '=', 1).execute()
  const last_version = lastVersion + numbersFrom
  await trx
    .updateTable('images')
    .set({ namespace, name, owner: ownerId, last_version })
    .where('id', '=', image.id)
    .execute()
}

/** From the highest number down, so that no number is taken before it is free. */
async function renumber(trx: Db, { image, plan }: Rename): Promise<void> {
  for (const [i, { version }] of plan.versions.entries()) {
    const record = plan.records.tokens[i] ?? ''
    const at = { image: image.id, version: version + plan.numbersFrom }
    if (plan.numbersFrom === 0) {
      const row = trx.updateTable('versions').set({ record }).where('image', '=', image.id)
      await row.where('version', '=', version).execute()
      continue
    }
    const old = trx.selectFrom('versions').selectAll().where('image', '=', image.id)
    const row = await old.where('version', '=', version).executeTakeFirstOrThrow()
    await trx
      .insertInto('versions')
      .values({ ...row, ...at, record })
      .execute()
    const tags = trx.updateTable('tags').set({ version: at.version }).where('image', '=', image.id)
    await tags.where('version', '=', version).execute()
    const moved = trx.deleteFrom('versions').where('image', '=', image.id)
    await moved.where('version', '=', version).execute()
  }
}
