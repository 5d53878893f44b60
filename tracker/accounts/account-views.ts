import type { GroupObject, NamespaceObject } from '../../src/api/group-schemas.ts'
import { fillPath, TRACKER_PATHS } from '../../src/api/tracker-paths.ts'
import type { UserObject } from '../../src/api/user-schemas.ts'
import { formatCtime } from '../../src/core/quantity.ts'
import type { UserAsker } from '../access/asker.ts'
import type { StoredGroup } from '../catalog/group-catalog.ts'
import type { ImageKey } from '../catalog/image-rows.ts'
import type { StoredNamespace } from '../catalog/namespace-catalog.ts'
import type { StoredUser } from '../catalog/user-catalog.ts'
import type { RouteContext } from '../context.ts'
import type { ImageFilter } from '../query/image-lists.ts'
import { seesPrivate } from './privileges.ts'

/** Who looks, and what addresses begin with. */
export interface View {
  readonly asker: UserAsker
  readonly baseUrl: string
}

export const userUrl = (baseUrl: string, user: string): string =>
  baseUrl + fillPath(TRACKER_PATHS.user, { user })
export const groupUrl = (baseUrl: string, group: string): string =>
  baseUrl + fillPath(TRACKER_PATHS.group, { group })
export const imageUrl = (baseUrl: string, { namespace, name }: ImageKey): string =>
  baseUrl + fillPath(TRACKER_PATHS.image, { namespace, name })

/** A user as the asker may see it. */
export async function userObject(context: RouteContext, user: StoredUser, view: View): Promise<UserObject> {
  const { catalog } = context
  const { asker, baseUrl } = view
  const { groups, permissions } = await catalog.users.standing(user)
  const isPrivate = !seesPrivate(asker, user)
  return {
    user_name: user.name,
    full_name: user.fullName,
    email: isPrivate ? null : user.email,
    client_dn: isPrivate ? null : user.dn,
    suspended: user.state === 'suspended',
    permissions: [...permissions].sort(),
    groups: [...groups].sort().map((group) => groupUrl(baseUrl, group)),
    images: await imageUrls(context, { owner: user }, view),
    state: user.state,
    quota_bytes: isPrivate ? null : user.quotaBytes,
    quota_images: isPrivate ? null : user.quotaImages,
    created: formatCtime(user.createdAtMs),
  }
}

export async function groupObject(
  { catalog }: RouteContext,
  group: StoredGroup,
  { baseUrl }: View,
): Promise<GroupObject> {
  const users = await catalog.groups.users(group)
  return {
    name: group.name,
    permissions: await catalog.groups.permissions(group),
    users: users.map((user) => userUrl(baseUrl, user)),
  }
}

export function namespaceObject({ namespace, owner, createdAtMs }: StoredNamespace): NamespaceObject {
  return {
    namespace,
    user: owner.kind === 'user' ? owner.name : null,
    group: owner.kind === 'group' ? owner.name : null,
    created: formatCtime(createdAtMs),
  }
}

/** Addresses of those images that the asker may read. */
export async function imageUrls(
  { catalog, clock }: RouteContext,
  filter: ImageFilter,
  { asker, baseUrl }: View,
): Promise<string[]> {
  const images = await catalog.lists.list(asker, filter, { nowMs: clock.now() })
  return images.map((image) => imageUrl(baseUrl, image))
}
