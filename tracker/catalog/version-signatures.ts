import type { Kysely } from 'kysely'
import { digestKey, digestOf } from '../../src/core/cid.ts'
import { ConflictError, NotFoundError } from '../../src/core/errors.ts'
import { type RecordFacts, recordTarget } from '../../src/core/record.ts'
import type { ChainTransactions } from '../acl/chain-transactions.ts'
import type { CheckedPublication } from '../acl/publications.ts'
import type { RecordBook } from '../acl/record-book.ts'
import { type Change, writeHistory } from './history-catalog.ts'
import type { StoredVersion } from './image-rows.ts'
import type { CatalogSchema } from './schema.ts'

/** What publishers have signed about versions. */
export class VersionSignatures {
  readonly #db: Kysely<CatalogSchema>
  readonly #records: RecordBook
  readonly #transactions: ChainTransactions

  constructor(components: {
    db: Kysely<CatalogSchema>
    records: RecordBook
    transactions: ChainTransactions
  }) {
    this.#db = components.db
    this.#records = components.records
    this.#transactions = components.transactions
  }

  /** The JWS that the record of a version names. Errors: NotFoundError when nobody has signed it, TamperedError. */
  async get(version: StoredVersion): Promise<string> {
    const { signature } = this.#records.read(version)
    const named = `${version.namespace}/${version.name}@${version.version}`
    if (signature === null) throw new NotFoundError(`nobody has signed ${named} but the tracker`)
    const row = await this.#db
      .selectFrom('versions')
      .innerJoin('images', 'images.id', 'versions.image')
      .select('versions.signature')
      .where('images.uuid', '=', version.uuid)
      .where('versions.version', '=', version.version)
      .executeTakeFirst()
    const token = row?.signature ?? ''
    if (digestKey(digestOf(Buffer.from(token))) === signature.digest) return token
    throw this.#records.chains.tampered(recordTarget(version.uuid), `names another signature of ${named}`)
  }

  /** Puts a publication beside a version, and says so in its next record. Errors: ConflictError when the version changed meanwhile. */
  async put(version: StoredVersion, publication: CheckedPublication, by: Change): Promise<string> {
    const { uuid, namespace, name } = version
    return await this.#transactions.run(async (trx) => {
      const stands = (await this.#records.standing(uuid, trx))?.versions.get(version.version)?.record
      if (stands === undefined || stands.manifest !== version.manifest || stands.name !== name)
        throw new ConflictError(`${namespace}/${name}@${version.version} changed meanwhile: look at it again`)
      const { manifest, size, sha256, publisher } = stands
      const { token, digest, signer, at } = publication
      const facts: RecordFacts = {
        ...{ event: 'sign', namespace: stands.namespace, name, version: version.version },
        ...{ manifest, size, sha256, publisher, signature: { digest, signer, at }, formerly: null },
      }
      const [record = ''] = await this.#records.append(trx, uuid, [facts])
      const row = trx
        .updateTable('versions')
        .set({ record, signature: token })
        .where('version', '=', version.version)
      await row
        .where('image', '=', (sub) => sub.selectFrom('images').select('id').where('uuid', '=', uuid))
        .execute()
      const details = { version: version.version, signer }
      await writeHistory(trx, { uuid, namespace, name }, { ...by, action: 'signed', details })
      return record
    })
  }
}
