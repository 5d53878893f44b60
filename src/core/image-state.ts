import type { ImageState } from './permission.ts'

/**
 * What happens to an image. `version-added` and `upload-failed` end an upload, `upload-dropped` is one that was given up; `emptied`:
 * its last version was removed. `lock` and `unlock` are the owner's.
 */
export type ImageEvent =
  | 'upload-begun'
  | 'version-added'
  | 'upload-dropped'
  | 'upload-failed'
  | 'emptied'
  | 'lock'
  | 'unlock'

/**
 * The state of an image after an event; undefined where the event is not possible. `hasBytes`: a version was there before. What
 * its owner has locked stays locked whatever is uploaded.
 */
export function stateAfter(
  state: ImageState,
  event: ImageEvent,
  { hasBytes }: { hasBytes: boolean },
): ImageState | undefined {
  const lockedByOwner = state === 'locked' && hasBytes
  switch (event) {
    case 'upload-begun':
      return lockedByOwner ? 'locked' : 'uploading'
    case 'version-added':
      return lockedByOwner ? 'locked' : 'available'
    case 'upload-dropped':
      return state !== 'uploading' ? state : hasBytes ? 'available' : 'locked'
    case 'upload-failed':
      return state !== 'uploading' ? state : hasBytes ? 'available' : 'error'
    case 'emptied':
      return state === 'uploading' ? 'uploading' : 'locked'
    case 'lock':
      return hasBytes || state !== 'uploading' ? 'locked' : undefined
    case 'unlock':
      return hasBytes ? 'available' : undefined
  }
}

/** Whether nobody may read the image but those who may write it. A slot without bytes hides nothing. */
export function isLockedByOwner(image: { state: ImageState; uploadedAtMs: number | null }): boolean {
  return image.state === 'locked' && image.uploadedAtMs !== null
}
