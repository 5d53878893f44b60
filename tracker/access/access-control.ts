import { type AclEntry, covers, type Right, strongest } from '../../src/core/acl.ts'
import type { Clock } from '../../src/core/clock.ts'
import { NotAuthorisedError } from '../../src/core/errors.ts'
import { NODES_GROUP, type Permission } from '../../src/core/permission.ts'
import type { Namespace } from '../../src/core/reference.ts'
import type { StoredImage } from '../catalog/image-catalog.ts'
import type { NamespaceOwner } from '../catalog/namespace-owner.ts'
import type { Access } from './access.ts'
import type { Asker, UserAsker } from './asker.ts'

export interface AccessComponents {
  readonly acls: { entries(targets: readonly string[]): Promise<readonly AclEntry[]> }
  readonly namespaces: { ownerOf(namespace: Namespace): Promise<NamespaceOwner | undefined> }
  readonly users: { shareGroup(user: number, other: number): Promise<boolean> }
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

  user(asker: Asker, use: { change: boolean }): UserAsker {
    if (asker.kind === 'anonymous') throw new NotAuthorisedError(asker.reason)
    if (asker.kind !== 'user')
      throw new NotAuthorisedError(
        `${asker.dn} is a ${asker.kind} and may not do this: use the certificate of a user`,
      )
    if (use.change && asker.principal.limited) throw limited(asker)
    return asker
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
    const owner = asker.kind === 'user' && (asker.admin || asker.id === image.ownerId)
    if (owner) return 'admin'
    if (asker.kind === 'tracker') return 'read'
    if (image.expiresAtMs !== null && this.#c.clock.now() >= image.expiresAtMs) return undefined
    const right = await this.#byAcl(
      asker,
      [`namespace:${image.namespace}`, `image:${image.uuid}`],
      image.namespace,
    )
    if (asker.kind !== 'user' || covers(right, 'write')) return right
    return (await this.#mayModify(asker, image)) ? strongest(right, 'write') : right
  }

  async image(asker: Asker, image: StoredImage, right: Right): Promise<void> {
    if (right !== 'read') this.user(asker, { change: true })
    if (covers(await this.rightTo(asker, image), right)) return
    throw refused(asker, right, `the image ${image.namespace}/${image.name}`)
  }

  async namespace(asker: Asker, namespace: Namespace, right: Right): Promise<void> {
    if (asker.admin || (asker.kind === 'tracker' && right === 'read')) return
    if (right !== 'read') this.user(asker, { change: true })
    if (covers(await this.#rightToNamespace(asker, namespace), right)) return
    throw refused(asker, right, `the namespace ${namespace}`)
  }

  async #rightToNamespace(asker: Asker, namespace: Namespace): Promise<Right | undefined> {
    const exists = (await this.#c.namespaces.ownerOf(namespace)) !== undefined
    if (exists) return await this.#byAcl(asker, [`namespace:${namespace}`], namespace)
    const may = asker.kind === 'user' && (asker.name === namespace || this.#init.openNamespaces)
    return may ? 'admin' : undefined
  }

  async #byAcl(asker: Asker, targets: readonly string[], namespace: Namespace): Promise<Right | undefined> {
    let right = await this.#asNamespaceOwner(asker, namespace)
    if (covers(right, 'admin')) return right
    for (const entry of await this.#c.acls.entries(targets))
      if (isMeant(asker, entry)) right = strongest(right, entry.right)
    return right
  }

  async #asNamespaceOwner(asker: Asker, namespace: Namespace): Promise<Right | undefined> {
    if (asker.kind !== 'user') return undefined
    const owner = await this.#c.namespaces.ownerOf(namespace)
    if (owner?.kind === 'user') return owner.id === asker.id ? 'admin' : undefined
    return owner !== undefined && asker.groups.has(owner.name) ? 'write' : undefined
  }

  async #mayModify(asker: UserAsker, image: StoredImage): Promise<boolean> {
    if (asker.permissions.has('image_modify')) return true
    if (!asker.permissions.has('image_modify_group') || image.ownerId === null) return false
    return await this.#c.users.shareGroup(asker.id, image.ownerId)
  }
}

function isMeant(asker: Asker, { kind, subject }: AclEntry): boolean {
  if (kind === 'anyone') return true
  if (asker.kind === 'user')
    return kind === 'user' ? subject === asker.name : kind === 'group' && asker.groups.has(subject)
  if (asker.kind === 'node')
    return kind === 'node' ? subject === asker.name : kind === 'group' && subject === NODES_GROUP
  return false
}

function refused(asker: Asker, right: Right, what: string): NotAuthorisedError {
  if (asker.kind === 'anonymous') return new NotAuthorisedError(asker.reason)
  const name = asker.kind === 'tracker' ? asker.dn : asker.name
  return new NotAuthorisedError(`${name} has no ${right} right to ${what}; its owner or an admin can give it`)
}

function limited(asker: UserAsker): NotAuthorisedError {
  return new NotAuthorisedError(
    `${asker.name} came with a limited proxy, which may read and not change; use a full proxy or the certificate`,
  )
}
