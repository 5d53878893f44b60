import { isReservedNamespace } from '../../src/api/tracker-paths.ts'
import { InvalidError, NotAuthorisedError } from '../../src/core/errors.ts'
import { type Namespace, parseNamespace } from '../../src/core/reference.ts'
import type { Access } from '../access/access.ts'
import type { UserAsker } from '../access/asker.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { NamespaceOwner } from '../catalog/namespace-owner.ts'

/** What a request says of where an image is to be, and whose. */
export interface Wish {
  readonly namespace?: string | undefined
  readonly owner?: string | undefined
}

/** Where an image is to be, and whose. */
export interface Placement {
  readonly namespace: Namespace
  /** Undefined where it is a group's: a user of that group who is gone had made it. */
  readonly owner: { readonly id: number; readonly name: string } | undefined
}

export interface PlacementComponents {
  readonly catalog: Pick<Catalog, 'namespaces' | 'users'>
  readonly access: Pick<Access, 'namespace'>
}

/**
 * Finds out where an image goes that `user` makes or moves: into the namespace that is named, or that of the owner that is named,
 * where the user must have the right to write. In a user's namespace images are that user's; in a group's they are whose they were.
 * Errors: InvalidError, NotAuthorisedError.
 */
export async function placeImage(
  { catalog, access }: PlacementComponents,
  wish: Wish,
  init: { user: UserAsker; from: Placement },
): Promise<Placement> {
  const { user, from } = init
  const owner = wish.owner === undefined ? undefined : await ownerNamed(catalog, wish.owner)
  const namespace = parseNamespace(wish.namespace ?? owner?.name ?? from.namespace)
  if (isReservedNamespace(namespace))
    throw new InvalidError(`the namespace ${namespace} is a word of the interface: take another name`)
  await access.namespace(user, namespace, 'write')
  const holder = await catalog.namespaces.holderOf(namespace)
  if (holder?.kind === 'user') return { namespace, owner: ownerIn(holder, owner) }
  if (owner === undefined || owner.id === from.owner?.id) return { namespace, owner: from.owner }
  if (user.admin) return { namespace, owner }
  throw new NotAuthorisedError(`only an admin makes ${owner.name} the owner of an image in ${namespace}`)
}

/** Makes the namespace, where it does not exist, of whoever is called so, else of the user. */
export async function ensureNamespace(
  { catalog }: Pick<PlacementComponents, 'catalog'>,
  namespace: Namespace,
  init: { user: UserAsker; nowMs: number },
): Promise<void> {
  const { user, nowMs } = init
  if ((await catalog.namespaces.ownerOf(namespace)) !== undefined) return
  const self: NamespaceOwner = { kind: 'user', id: user.id, name: user.name }
  const owner = (await catalog.namespaces.holderOf(namespace)) ?? self
  await catalog.namespaces.create(namespace, { owner, author: user.dn, nowMs })
}

async function ownerNamed(
  catalog: PlacementComponents['catalog'],
  name: string,
): Promise<{ id: number; name: string }> {
  const found = await catalog.users.byName(name)
  if (found !== undefined) return { id: found.id, name: found.name }
  throw new InvalidError(`there is no user ${name.slice(0, 80)}`, { data: { field: 'owner' } })
}

function ownerIn(holder: NamespaceOwner, owner: { id: number } | undefined): { id: number; name: string } {
  if (owner === undefined || owner.id === holder.id) return { id: holder.id, name: holder.name }
  throw new InvalidError(
    `images in a namespace of ${holder.name} are ${holder.name}'s: leave the owner out`,
    {
      data: { field: 'owner' },
    },
  )
}
