import {
  ACL_TYPE,
  type Acl,
  type AclEntry,
  type AclOwner,
  type AclTarget,
  covers,
  imageTarget,
  linkOfAcl,
  namespaceTarget,
  parseAcl,
  type SubjectKind,
  sortEntries,
} from '../../src/core/acl.ts'
import { ConflictError, NotFoundError, type TamperedError } from '../../src/core/errors.ts'
import { NODES_GROUP } from '../../src/core/permission.ts'
import type { ImageName, Namespace } from '../../src/core/reference.ts'
import { copyAcl, holdTargets } from './acl-copies.ts'
import { tellShares } from './acl-history.ts'
import { ChainBook, type ChainComponents, type Held } from './chain-book.ts'
import type { ChainTransaction } from './chain-transactions.ts'
import { checkExist, holdSubjects } from './subjects.ts'

/** An image and what its row says of its name. */
export interface NamedImage {
  readonly uuid: string
  readonly namespace: Namespace
  readonly name: ImageName
}

/** Who changes an ACL, and within what. */
export interface AclChange {
  /** Distinguished name. */
  readonly author: string
  /** Of `Catalog.transaction`, where the change belongs to others; it has one of its own unless given. */
  readonly trx?: ChainTransaction
  /** Version that the change was made for; another one is a ConflictError. */
  readonly expected?: number | undefined
}

export interface AclBookInit {
  /** Whether enrolled nodes may read what is in a new namespace. */
  readonly nodesRead: boolean
}

type Changed = Partial<Pick<Acl, 'namespace' | 'name' | 'owner' | 'entries' | 'ended' | 'repaired'>>

/** ACLs of namespaces and images. Every method that changes one appends a signed version, or does nothing where nothing changes. */
export class AclBook {
  readonly #c: ChainComponents
  readonly #init: AclBookInit
  readonly chains: ChainBook<Acl>

  constructor(components: ChainComponents, init: AclBookInit) {
    this.#c = components
    this.#init = init
    this.chains = new ChainBook(components, {
      table: 'acls',
      typ: ACL_TYPE,
      parse: parseAcl,
      linkOf: linkOfAcl,
    })
  }

  /** The signed ACL of a target that exists. Errors: NotFoundError when it was removed, TamperedError. */
  async get(target: AclTarget): Promise<Acl> {
    const [acl] = await this.all([target])
    if (acl === undefined) throw this.#lacking(target)
    return acl
  }

  /** The ACL of a target that exists, with its JWS, which outlives this day. Errors: as `get`. */
  async signed(target: AclTarget): Promise<{ acl: Acl; token: string }> {
    const held = (await this.chains.newest([target])).get(target)
    if (held === undefined) throw this.#lacking(target)
    if (held.statement.ended) throw new NotFoundError(`there is no ${target} any more`)
    return { acl: held.statement, token: await this.chains.token(held) }
  }

  /** What decides about an image: both in one query. Errors: TamperedError. */
  async ofImage(image: NamedImage): Promise<{ namespace: Acl; image: Acl }> {
    const target = imageTarget(image.uuid)
    const [ofNamespace, ofImage] = await this.all([namespaceTarget(image.namespace), target])
    if (ofNamespace === undefined || ofImage === undefined) throw this.#lacking(target)
    if (ofImage.namespace === image.namespace && ofImage.name === image.name)
      return { namespace: ofNamespace, image: ofImage }
    const named = `${image.namespace}/${image.name}`
    if (await this.#isRenamed(image, ofImage)) throw new NotFoundError(`there is no image ${named}`)
    throw this.chains.tampered(target, `is that of ${ofImage.namespace}/${ofImage.name}, not of ${named}`)
  }

  /** Whether the row of an image has another name than before, the one in its ACL. */
  async #isRenamed(before: NamedImage, acl: Acl): Promise<boolean> {
    const now = await this.#c.db
      .selectFrom('images')
      .select(['namespace', 'name'])
      .where('uuid', '=', before.uuid)
      .executeTakeFirst()
    return now?.namespace === acl.namespace && now.name === acl.name
  }

  /** Undefined while there is no such namespace. Errors: TamperedError. */
  async ofNamespace(namespace: Namespace): Promise<Acl | undefined> {
    const target = namespaceTarget(namespace)
    const acl = (await this.chains.newest([target])).get(target)?.statement
    const row = await this.#c.db
      .selectFrom('namespaces')
      .select('namespace')
      .where('namespace', '=', namespace)
      .executeTakeFirst()
    const exists = acl !== undefined && !acl.ended
    if (exists === (row !== undefined)) return exists ? acl : undefined
    // Made or removed between the two queries, or outside the tracker.
    if (row !== undefined) return await this.get(target)
    if ((await this.chains.newest([target])).get(target)?.statement.ended === true) return undefined
    throw this.#vanished(target)
  }

  /** The signed ACLs of targets that exist, in their order. Errors: as `get`. */
  async all(targets: readonly AclTarget[]): Promise<Acl[]> {
    const held = await this.chains.newest(targets)
    return targets.map((target) => {
      const acl = held.get(target)?.statement
      if (acl === undefined) throw this.#lacking(target)
      if (acl.ended) throw new NotFoundError(`there is no ${target} any more`)
      return acl
    })
  }

  /** Makes the ACL of a namespace that was just made. */
  async foundNamespace(
    trx: ChainTransaction,
    init: { namespace: Namespace; owner: AclOwner; author: string },
  ): Promise<void> {
    const { namespace, ...rest } = init
    const entries: AclEntry[] = this.#init.nodesRead
      ? [{ kind: 'group', subject: NODES_GROUP, right: 'read' }]
      : []
    await this.#found(trx, { target: namespaceTarget(namespace), namespace, name: null, entries, ...rest })
  }

  /** Makes the ACL of an image that was just made. */
  async foundImage(
    trx: ChainTransaction,
    init: NamedImage & { owner: AclOwner; author: string },
  ): Promise<void> {
    const { uuid, ...rest } = init
    await this.#found(trx, { target: imageTarget(uuid), entries: [], ...rest })
  }

  /** Gives a subject a right, in the place of the one that it has. Errors: InvalidError when there are too many, or nobody is called so. */
  async grant(target: AclTarget, entry: AclEntry, change: AclChange): Promise<Acl> {
    return await this.#give(target, [entry], change, ({ entries }) => ({
      entries: [...entries.filter((one) => !isOf(one, entry)), entry],
    }))
  }

  /** Gives a subject a right; a stronger one that it has stays. Errors: as `grant`. */
  async allow(target: AclTarget, entry: AclEntry, change: AclChange): Promise<Acl> {
    return await this.#give(target, [entry], change, ({ entries }) => {
      const held = entries.find((one) => isOf(one, entry))
      if (covers(held?.right, entry.right)) return {}
      return { entries: [...entries.filter((one) => one !== held), entry] }
    })
  }

  async revoke(target: AclTarget, subject: Omit<AclEntry, 'right'>, change: AclChange): Promise<Acl> {
    return await this.#change(target, change, ({ entries }) => ({
      entries: entries.filter((one) => !isOf(one, subject)),
    }))
  }

  /** All entries anew. Errors: InvalidError when a subject is named twice, or when there are too many. */
  async set(target: AclTarget, entries: readonly AclEntry[], change: AclChange): Promise<Acl> {
    return await this.#give(target, entries, change, () => ({ entries }))
  }

  /** Gives the namespace or image to somebody else, in its row too. */
  async setOwner(target: AclTarget, owner: AclOwner, change: AclChange): Promise<Acl> {
    return await this.#change(target, change, () => ({ owner }))
  }

  /** The image has another name, or is in another namespace. */
  async renameImage(
    uuid: string,
    to: { namespace: Namespace; name: ImageName },
    change: AclChange,
  ): Promise<Acl> {
    return await this.#change(imageTarget(uuid), change, () => to)
  }

  /** The namespace or image is gone: its chain ends here, and goes on only if a namespace of this name is made again. Without an ACL nothing happens. */
  async end(target: AclTarget, change: AclChange): Promise<void> {
    await this.#within(change, async (trx) => {
      if ((await this.chains.newest([target], trx)).size === 0) return
      await this.#change(target, { ...change, trx }, () => ({ entries: [], ended: true }))
    })
  }

  /** A user, group or node is gone: its entries go from every ACL. */
  async forget(subject: { kind: SubjectKind; subject: string }, change: AclChange): Promise<void> {
    await this.#forAll(subject, change, ({ entries }) => ({
      entries: entries.filter((one) => !isOf(one, subject)),
    }))
  }

  /** A group or node has another name in every ACL. Owners are set with `setOwner`. */
  async renameSubject(
    subject: { kind: SubjectKind; subject: string; to: string },
    change: AclChange,
  ): Promise<void> {
    const { kind, to } = subject
    await this.#forAll(subject, change, ({ entries }) => ({
      entries: entries
        .filter((one) => !isOf(one, { kind, subject: to }))
        .map((one) => (isOf(one, subject) ? { ...one, subject: to } : one)),
    }))
  }

  async #forAll(
    { kind, subject }: { kind: SubjectKind; subject: string },
    change: AclChange,
    edit: (acl: Acl) => Changed,
  ): Promise<void> {
    await this.#within(change, async (trx) => {
      const rows = await trx
        .selectFrom('acl_entries')
        .select('target')
        .where('kind', '=', kind)
        .where('subject', '=', subject)
        // In the same order everywhere, so that two of these do not wait for each other.
        .orderBy('target')
        .execute()
      await holdTargets(
        trx,
        rows.map(({ target }) => target),
      )
      for (const { target } of rows) await this.#change(target as AclTarget, { ...change, trx }, edit)
    })
  }

  async #within<T>({ trx }: AclChange, work: (trx: ChainTransaction) => Promise<T>): Promise<T> {
    return trx === undefined ? await this.#c.transactions.run(work) : await work(trx)
  }

  /** As #change, which may add entries for these. */
  async #give(
    ...[target, entries, change, edit]: [AclTarget, readonly AclEntry[], AclChange, (acl: Acl) => Changed]
  ): Promise<Acl> {
    return await this.#within(change, async (trx) => {
      await holdSubjects(trx, entries)
      return await this.#change(target, { ...change, trx }, edit)
    })
  }

  async #change(target: AclTarget, change: AclChange, edit: (acl: Acl) => Changed): Promise<Acl> {
    return await this.#within(change, async (trx) => {
      await holdTargets(trx, [target])
      const held = (await this.chains.newest([target], trx)).get(target)
      if (held === undefined || held.statement.ended) throw new NotFoundError(`there is no ${target}`)
      const before = held.statement
      if (change.expected !== undefined && change.expected !== before.version)
        throw new ConflictError(
          `the ACL is at version ${before.version} by now, not ${change.expected}: look at it and try again`,
          { data: { version: before.version } },
        )
      const after = { ...before, ...edit(before) }
      const entries = sortEntries(after.entries)
      const added = entries.filter((entry) => !before.entries.some((one) => isOf(one, entry)))
      await checkExist(trx, added)
      if (JSON.stringify({ ...after, entries }) === JSON.stringify(before)) return before
      return await this.#append(trx, { ...after, entries, repaired: false }, { held, author: change.author })
    })
  }

  async #found(
    trx: ChainTransaction,
    init: Pick<Acl, 'target' | 'namespace' | 'name' | 'owner' | 'entries' | 'author'>,
  ): Promise<void> {
    const held = (await this.chains.newest([init.target], trx)).get(init.target)
    // Otherwise whoever removes a row could have it made again, as somebody else's.
    if (held !== undefined && !held.statement.ended) throw this.#vanished(init.target)
    const { owner, entries, author, ...of } = init
    const fresh = {
      ...of,
      owner: ownerOf(owner),
      entries: sortEntries(entries),
      ended: false,
      repaired: false,
    }
    await this.#append(trx, fresh, { held, author })
  }

  async #append(
    trx: ChainTransaction,
    facts: Omit<Acl, 'version' | 'previous' | 'author' | 'iat'>,
    { held, author }: { held: Held<Acl> | undefined; author: string },
  ): Promise<Acl> {
    const { namespace, name, target, owner, entries, ended, repaired } = facts
    const { version, iat } = held?.statement ?? { version: 0, iat: 0 }
    const acl: Acl = {
      ...{ namespace, name, target, version: version + 1, previous: held?.digest ?? null },
      ...{ owner, entries, ended, repaired, author },
      iat: Math.max(iat, Math.floor(this.#c.clock.now() / 1000)),
    }
    await this.chains.append(trx, acl)
    await copyAcl(trx, acl)
    if (held !== undefined && !ended)
      await tellShares(trx, { before: held.statement, acl, nowMs: this.#c.clock.now() })
    return acl
  }

  #lacking(target: AclTarget): TamperedError {
    return this.chains.tampered(target, 'is missing')
  }

  #vanished(target: AclTarget): TamperedError {
    return this.chains.tampered(target, 'is there without the namespace')
  }
}

const ownerOf = ({ kind, subject }: AclOwner): AclOwner => ({ kind, subject })

function isOf(entry: AclEntry, { kind, subject }: Omit<AclEntry, 'right'>): boolean {
  return entry.kind === kind && entry.subject === subject
}
