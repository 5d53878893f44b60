import { type Acl, type AclEntry, covers, type Right, strongest } from '../../src/core/acl.ts'
import type { Clock } from '../../src/core/clock.ts'
import { type BootswarmError, NotAuthorisedError } from '../../src/core/errors.ts'
import { isLockedByOwner } from '../../src/core/image-state.ts'
import { NODES_GROUP, type Permission } from '../../src/core/permission.ts'
import type { Namespace } from '../../src/core/reference.ts'
import type { AclBook } from '../acl/acl-book.ts'
import type { StoredImage } from '../catalog/image-rows.ts'
import type { NamespaceOwner } from '../catalog/namespace-owner.ts'
import type { Access } from './access.ts'
import { type Asker, type KnownAsker, refusalOf, type UserAsker } from './asker.ts'

export interface AccessComponents {
  /** Signed texts: owners and entries come from nowhere else. */
  readonly acls: Pick<AclBook, 'ofImage' | 'ofNamespace'>
  readonly users: { shareGroup(user: number, other: number): Promise<boolean> }
  readonly namespaces: { holderOf(name: Namespace): Promise<NamespaceOwner | undefined> }
  readonly clock: Clock
}

export interface AccessInit {
  /** Whether users make namespaces of any free name by pushing into them. */
  readonly openNamespaces: boolean
}

/** Decides by users, groups, permissions and ACLs. */
export class AccessControl implements Access {
  readonly #c: AccessComponents
  readonly #init: AccessInit

  constructor(components: AccessComponents, init: AccessInit) {
    this.#c = components
    this.#init = init
  }

  known(asker: Asker): KnownAsker {
    if (asker.kind === 'anonymous') throw refusalOf(asker)
    return asker
  }

  user(asker: Asker, use: { change: boolean }): UserAsker {
    const known = this.known(asker)
    if (known.kind !== 'user')
      throw new NotAuthorisedError(
        `${known.dn} is a ${known.kind} and may not do this: use the certificate of a user`,
      )
    if (use.change && known.principal.limited) throw limited(known)
    return known
  }

  permission(asker: Asker, permission: Permission): UserAsker {
    const user = this.user(asker, { change: true })
    if (user.admin || user.permissions.has(permission)) return user
    throw new NotAuthorisedError(
      `${user.name} lacks the permission ${permission}; an admin can give it to a group of yours`,
    )
  }

  admin(asker: Asker): UserAsker {
    const user = this.user(asker, { change: true })
    if (user.admin) return user
    throw new NotAuthorisedError(`${user.name} is no admin of this tracker`)
  }

  async rightTo(asker: Asker, image: StoredImage): Promise<Right | undefined> {
    if (asker.admin) return 'admin'
    if (asker.kind === 'tracker') return 'read'
    const acls = await this.#c.acls.ofImage(image)
    if (isOwner(asker, acls.image)) return 'admin'
    if (this.#hasExpired(image)) return undefined
    const right = strongest(rightBy(asker, acls.namespace), rightBy(asker, acls.image))
    if (covers(right, 'write')) return right
    return isLockedByOwner(image) ? undefined : right
  }

  async image(asker: Asker, image: StoredImage, right: Right): Promise<void> {
    if (right !== 'read') this.user(asker, { change: true })
    if (covers(await this.rightTo(asker, image), right)) return
    throw refused(asker, right, `the image ${image.namespace}/${image.name}`)
  }

  async changeOf(
    asker: Asker,
    image: StoredImage,
    { right, permission }: { right: Right; permission: 'image_modify' | 'image_delete' },
  ): Promise<UserAsker> {
    const user = this.user(asker, { change: true })
    if (covers(await this.rightTo(asker, image), right)) return user
    const { image: acl } = await this.#c.acls.ofImage(image)
    if (!this.#hasExpired(image) && (await this.#has(user, permission, { image, acl }))) return user
    throw refused(asker, right, `the image ${image.namespace}/${image.name}`)
  }

  async namespace(asker: Asker, namespace: Namespace, right: Right): Promise<void> {
    if (asker.admin || (asker.kind === 'tracker' && right === 'read')) return
    if (right !== 'read') this.user(asker, { change: true })
    if (covers(await this.#rightToNamespace(asker, namespace), right)) return
    throw refused(asker, right, `the namespace ${namespace}`)
  }

  async #rightToNamespace(asker: Asker, namespace: Namespace): Promise<Right | undefined> {
    const acl = await this.#c.acls.ofNamespace(namespace)
    if (acl !== undefined) return rightBy(asker, acl)
    if (asker.kind !== 'user') return undefined
    const holder = await this.#c.namespaces.holderOf(namespace)
    if (holder === undefined) return this.#init.openNamespaces ? 'admin' : undefined
    if (holder.kind === 'user') return holder.id === asker.id ? 'admin' : undefined
    return asker.groups.has(holder.name) ? 'write' : undefined
  }

  #hasExpired({ expiresAtMs }: StoredImage): boolean {
    return expiresAtMs !== null && this.#c.clock.now() >= expiresAtMs
  }

  /** Whether a permission, or that for images of one's groups, is for this image. */
  async #has(
    asker: UserAsker,
    permission: 'image_modify' | 'image_delete',
    { image, acl }: { image: StoredImage; acl: Acl },
  ): Promise<boolean> {
    // The row is no proof of whose it is.
    if (image.ownerName !== acl.owner.subject) return false
    if (asker.permissions.has(permission)) return true
    if (!asker.permissions.has(`${permission}_group`) || image.ownerId === null) return false
    return await this.#c.users.shareGroup(asker.id, image.ownerId)
  }
}

/** What an ACL gives to whoever owns its target, and by its entries. */
function rightBy(asker: Asker, acl: Acl): Right | undefined {
  let right = rightOfOwner(asker, acl)
  for (const entry of acl.entries) if (isMeant(asker, entry)) right = strongest(right, entry.right)
  return right
}

function rightOfOwner(asker: Asker, acl: Acl): Right | undefined {
  if (isOwner(asker, acl)) return 'admin'
  const isMember = asker.kind === 'user' && acl.owner.kind === 'group' && asker.groups.has(acl.owner.subject)
  return isMember ? 'write' : undefined
}

function isOwner(asker: Asker, { owner }: Acl): boolean {
  return asker.kind === 'user' && owner.kind === 'user' && owner.subject === asker.name
}

/** Whether an entry of an ACL is for the asker. */
export function isMeant(asker: Asker, { kind, subject }: AclEntry): boolean {
  if (kind === 'anyone') return true
  if (asker.kind === 'user')
    return kind === 'user' ? subject === asker.name : kind === 'group' && asker.groups.has(subject)
  if (asker.kind === 'node')
    return kind === 'node' ? subject === asker.name : kind === 'group' && subject === NODES_GROUP
  return false
}

function refused(asker: Asker, right: Right, what: string): BootswarmError {
  if (asker.kind === 'anonymous') return refusalOf(asker)
  const name = asker.kind === 'tracker' ? asker.dn : asker.name
  return new NotAuthorisedError(`${name} has no ${right} right to ${what}; its owner or an admin can give it`)
}

function limited(asker: UserAsker): NotAuthorisedError {
  return new NotAuthorisedError(
    `${asker.name} came with a limited proxy, which may read and not change; use a full proxy or the certificate`,
  )
}
