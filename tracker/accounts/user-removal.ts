import { NotFoundError, StateError } from '../../src/core/errors.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { Change } from '../catalog/history-catalog.ts'
import type { StoredUser } from '../catalog/user-catalog.ts'

/** How often images that others push meanwhile are removed again before the removal gives up. */
const ROUNDS_MAX = 3

/**
 * Removes a user with its namespaces and all images in them. First the user is retired, so that it makes nothing new; then each image goes
 * in a transaction of its own, because an owner may have thousands; then the user. Broken off, it goes on when it is asked for again.
 * Errors: StateError for the last active admin, or when others go on pushing into the user's namespaces; NotFoundError.
 */
export async function removeUser(
  { catalog }: { catalog: Pick<Catalog, 'images' | 'userChanges'> },
  user: StoredUser,
  by: Change,
): Promise<void> {
  if (user.state === 'active') await catalog.userChanges.change(user, { state: 'inactive' }, by)
  for (let round = 1; ; round++) {
    for (const image of await catalog.userChanges.imagesToRemove(user))
      await catalog.images.remove(image, by).catch(unlessGone)
    try {
      return await catalog.userChanges.remove(user, by)
    } catch (error) {
      if (!(error instanceof StateError) || round === ROUNDS_MAX) throw error
    }
  }
}

function unlessGone(error: unknown): void {
  if (!(error instanceof NotFoundError)) throw error
}
