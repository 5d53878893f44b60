import { imageTarget } from '../../src/core/acl.ts'
import { InvalidError, NotAuthorisedError } from '../../src/core/errors.ts'
import { NODES_GROUP } from '../../src/core/permission.ts'
import type { Access } from '../access/access.ts'
import type { Asker, UserAsker } from '../access/asker.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { ImageKey } from '../catalog/image-rows.ts'

/** With whom an image is shared. */
export interface SharedWith {
  readonly kind: 'user' | 'group'
  readonly subject: string
}

export interface SharingComponents {
  readonly catalog: Pick<Catalog, 'acls' | 'groups' | 'images' | 'users'>
  readonly access: Access
}

/**
 * Lets a user or the members of a group read an image; who may do more keeps that. Errors: NotFoundError, NotAuthorisedError,
 * InvalidError when there is no such user or group.
 */
export async function shareImage(
  components: SharingComponents,
  asker: Asker,
  share: { image: ImageKey; subject: SharedWith },
): Promise<void> {
  const { target, author } = await checkSharing(components, asker, share)
  await components.catalog.acls.allow(target, { ...share.subject, right: 'read' }, { author })
}

/** Takes a user or group from the ACL of an image, whatever they might do. Errors: as `shareImage`. */
export async function unshareImage(
  components: SharingComponents,
  asker: Asker,
  share: { image: ImageKey; subject: SharedWith },
): Promise<void> {
  const { target, author } = await checkSharing(components, asker, share)
  await components.catalog.acls.revoke(target, share.subject, { author })
}

async function checkSharing(
  { catalog, access }: SharingComponents,
  asker: Asker,
  { image, subject }: { image: ImageKey; subject: SharedWith },
) {
  const user = access.user(asker, { change: true })
  const stored = await catalog.images.get(image)
  await access.image(user, stored, 'admin')
  await checkSubject(catalog, subject)
  if (subject.kind === 'group') checkMember(user, subject.subject)
  return { author: user.dn, target: imageTarget(stored.uuid) }
}

async function checkSubject(
  catalog: SharingComponents['catalog'],
  { kind, subject }: SharedWith,
): Promise<void> {
  if (kind === 'group' && subject === NODES_GROUP) return
  const found = await (kind === 'user' ? catalog.users : catalog.groups).byName(subject)
  if (found === undefined) throw new InvalidError(`there is no ${kind} ${subject}`, { data: { field: kind } })
}

/** Nobody is a member of the nodes; an owner gives them images all the same. */
function checkMember(user: UserAsker, group: string): void {
  if (user.admin || user.groups.has(group) || group === NODES_GROUP) return
  throw new NotAuthorisedError(
    `${user.name} is no member of the group ${group}: members and admins share with it`,
  )
}
