import type { Right } from '../../src/core/acl.ts'
import type { Permission } from '../../src/core/permission.ts'
import type { Namespace } from '../../src/core/reference.ts'
import type { StoredImage } from '../catalog/image-rows.ts'
import type { Asker, KnownAsker, UserAsker } from './asker.ts'

/**
 * Who may do what. One place decides; routes only ask. Every refusal is a NotAuthorisedError that says what is missing
 * and who can give it (of anonymous without a valid certificate a CertificateError), and goes into the audit log.
 */
export interface Access {
  /** Anybody but anonymous. */
  known(asker: Asker): KnownAsker
  /** An active user whose proxy, if it is one, is not limited when `change` is set. Throws NotAuthorisedError. */
  user(asker: Asker, use: { change: boolean }): UserAsker
  /** The asker as a user with this permission; members of `admins` have all. */
  permission(asker: Asker, permission: Permission): UserAsker
  admin(asker: Asker): UserAsker

  /**
   * The strongest right that the asker has to an image: as its owner, by its ACL, by that of its namespace, by
   * permissions, as an admin, as anybody. An expired image is only for its owner and admins, one that its owner locked only for
   * those who may write it.
   */
  rightTo(asker: Asker, image: StoredImage): Promise<Right | undefined>
  /** Throws NotAuthorisedError without this right. */
  image(asker: Asker, image: StoredImage, right: Right): Promise<void>
  /**
   * An active user with this right to an image, or with the permission that stands for it: `image_modify` and `image_delete` for any
   * image, `image_modify_group` and `image_delete_group` for those of members of the asker's groups. Throws NotAuthorisedError.
   */
  changeOf(
    asker: Asker,
    image: StoredImage,
    need: { right: Right; permission: 'image_modify' | 'image_delete' },
  ): Promise<UserAsker>
  /** The same as `image` for a namespace, which need not exist: a user's own is made when it is first used. */
  namespace(asker: Asker, namespace: Namespace, right: Right): Promise<void>
}
