import type { Kysely } from 'kysely'
import { ConflictError, LimitError, NotFoundError } from '../../src/core/errors.ts'
import type { NodeState } from '../../src/core/permission.ts'
import { NODES_MAX } from '../../src/core/registry-limits.ts'
import type { PeerKey } from '../../src/core/router.ts'
import { type Db, takeTurn } from './db.ts'
import type { CatalogSchema } from './schema.ts'

export type Labels = Readonly<Record<string, string>>

/** A node as it is stored. Times in milliseconds since the epoch. */
export interface StoredNode {
  readonly id: number
  readonly name: string
  readonly dn: string
  readonly peer: PeerKey
  readonly labels: Labels
  /** Whether an admin has set the labels; then the node does not change them. */
  readonly labelled: boolean
  readonly state: NodeState
  readonly createdAtMs: number
  readonly modifiedAtMs: number
  /** Last pass; null before the first. */
  readonly seenAtMs: number | null
}

/** What a node says of itself, its certificate and peer key proved. */
export interface Enrolment {
  readonly name: string
  readonly dn: string
  readonly peer: PeerKey
  readonly labels: Labels
  /** State of a new node, and of an active one that comes with another key. */
  readonly fresh: NodeState
  readonly nowMs: number
}

/** Nodes: one name, one certificate name and one peer ID each. */
export class NodeCatalog {
  readonly #db: Kysely<CatalogSchema>

  constructor(components: { db: Kysely<CatalogSchema> }) {
    this.#db = components.db
  }

  async byDn(dn: string): Promise<StoredNode | undefined> {
    const row = await selectNodes(this.#db).where('dn', '=', dn).executeTakeFirst()
    return row && nodeOf(row)
  }

  /** Throws NotFoundError. */
  async get(name: string): Promise<StoredNode> {
    return await nodeNamed(this.#db, name)
  }

  /** In the order of their names, those after `after`. */
  async list(init: { after?: string; state?: NodeState; rowsMax: number }): Promise<StoredNode[]> {
    let query = selectNodes(this.#db).orderBy('name').limit(init.rowsMax)
    if (init.after !== undefined) query = query.where('name', '>', init.after)
    if (init.state !== undefined) query = query.where('state', '=', init.state)
    return (await query.execute()).map(nodeOf)
  }

  /**
   * Enters a node, or what has changed of a known one: a new peer key takes the place of the old one, a revoked node stays
   * revoked. Errors: ConflictError when another node has the name or the peer, LimitError.
   */
  async enrol(enrolment: Enrolment): Promise<{ before: StoredNode | undefined; node: StoredNode }> {
    return await this.#db.transaction().execute(async (trx) => {
      await takeTurn(trx, 'nodes')
      const row = await selectNodes(trx).where('dn', '=', enrolment.dn).executeTakeFirst()
      const before = row && nodeOf(row)
      await checkFree(trx, enrolment)
      if (before === undefined) await insertNode(trx, enrolment)
      else await renewNode(trx, before, enrolment)
      return { before, node: await nodeNamed(trx, before?.name ?? enrolment.name) }
    })
  }

  /** Errors: NotFoundError. */
  async setState(name: string, change: { state: NodeState; nowMs: number }): Promise<StoredNode> {
    return await this.#change(name, { state: change.state, modified_at: change.nowMs })
  }

  /** From now on these labels count, whatever the node says. Errors: NotFoundError. */
  async setLabels(name: string, change: { labels: Labels; nowMs: number }): Promise<StoredNode> {
    const labels = JSON.stringify(change.labels)
    return await this.#change(name, { labels, labelled: 1, modified_at: change.nowMs })
  }

  /** Takes a node out, within a transaction. Errors: NotFoundError. */
  async remove(trx: Db, name: string): Promise<StoredNode> {
    await takeTurn(trx, 'nodes')
    const node = await nodeNamed(trx, name)
    await trx.deleteFrom('nodes').where('id', '=', node.id).execute()
    return node
  }

  /** A pass was given. */
  async seen(node: { id: number }, nowMs: number): Promise<void> {
    await this.#db.updateTable('nodes').set({ seen_at: nowMs }).where('id', '=', node.id).execute()
  }

  async #change(
    name: string,
    values: { state?: NodeState; labels?: string; labelled?: number; modified_at: number },
  ): Promise<StoredNode> {
    return await this.#db.transaction().execute(async (trx) => {
      const node = await nodeNamed(trx, name)
      await trx.updateTable('nodes').set(values).where('id', '=', node.id).execute()
      return await nodeNamed(trx, name)
    })
  }
}

function selectNodes(db: Db) {
  return db
    .selectFrom('nodes')
    .select(['id', 'name', 'dn', 'peer', 'labels', 'labelled', 'state'])
    .select(['created_at as createdAtMs', 'modified_at as modifiedAtMs', 'seen_at as seenAtMs'])
}

type Row = Omit<StoredNode, 'labels' | 'labelled'> & { labels: string; labelled: number }

function nodeOf(row: Row): StoredNode {
  return { ...row, labels: JSON.parse(row.labels) as Labels, labelled: row.labelled !== 0 }
}

async function nodeNamed(db: Db, name: string): Promise<StoredNode> {
  const row = await selectNodes(db).where('name', '=', name).executeTakeFirst()
  if (row === undefined) throw new NotFoundError(`there is no node ${name}`)
  return nodeOf(row)
}

async function checkFree(trx: Db, { name, dn, peer }: Enrolment): Promise<void> {
  const taken = await trx
    .selectFrom('nodes')
    .select(['name', 'peer'])
    .where('dn', '!=', dn)
    .where((where) => where.or([where('name', '=', name), where('peer', '=', peer)]))
    .executeTakeFirst()
  if (taken === undefined) return
  const what = taken.peer === peer ? 'peer key' : 'name'
  throw new ConflictError(
    `another node, ${taken.name}, has this ${what}; if that one is gone, an admin can remove it: bootswarm node rm ${taken.name}`,
  )
}

async function insertNode(trx: Db, enrolment: Enrolment): Promise<void> {
  const { name, dn, peer, labels, fresh, nowMs } = enrolment
  const { nodes } = await trx
    .selectFrom('nodes')
    .select((select) => select.fn.countAll<number>().as('nodes'))
    .executeTakeFirstOrThrow()
  if (nodes >= NODES_MAX)
    throw new LimitError(`the tracker has ${NODES_MAX} nodes, which is as many as it may`, {
      data: { limit: NODES_MAX },
    })
  const times = { created_at: nowMs, modified_at: nowMs }
  // Whoever is active gets a pass with the answer: one transaction instead of two.
  const seen_at = fresh === 'active' ? nowMs : null
  const values = { name, dn, peer, labels: JSON.stringify(labels), state: fresh, seen_at, ...times }
  await trx.insertInto('nodes').values(values).execute()
}

async function renewNode(trx: Db, before: StoredNode, enrolment: Enrolment): Promise<void> {
  const { peer, fresh, nowMs } = enrolment
  const labels = before.labelled ? before.labels : enrolment.labels
  const state = before.state === 'active' && before.peer !== peer ? fresh : before.state
  const text = JSON.stringify(labels)
  const same = before.peer === peer && before.state === state && JSON.stringify(before.labels) === text
  if (same) return
  await trx
    .updateTable('nodes')
    .set({ peer, state, labels: text, modified_at: nowMs })
    .where('id', '=', before.id)
    .execute()
}
