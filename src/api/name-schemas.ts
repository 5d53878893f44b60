import { Type } from '@sinclair/typebox'
import type { ManifestId } from '../core/cid.ts'
import { NAME_CHARS_MAX } from '../core/limits.ts'
import type { ImageName, Namespace, Tag } from '../core/reference.ts'

/** Names in paths and bodies (src/core/reference.ts). */

const nameRule = {
  minLength: 1,
  maxLength: NAME_CHARS_MAX,
  pattern: '^(?!\\.+$)[a-zA-Z0-9_.-]+$',
}

/** Of users, groups and nodes. */
export const NameText = Type.String(nameRule)
export const NamespaceText = Type.Unsafe<Namespace>(NameText)
export const ImageNameText = Type.Unsafe<ImageName>(NameText)
export const TagText = Type.Unsafe<Tag>(NameText)
export const ManifestText = Type.Unsafe<ManifestId>(Type.String({ pattern: '^b[a-z2-7]{20,120}$' }))
export const VersionNumber = Type.Integer({ minimum: 1, maximum: 999_999_999 })
