import type { ImageObject } from '../../src/api/image-schemas.ts'
import type { TrackerClient } from '../../src/api/tracker-client.ts'
import type { CallOptions } from '../../src/core/blockstore.ts'
import { HOARD_IMAGES_MAX } from '../../src/core/disk-limits.ts'
import { NotAuthorisedError, NotFoundError } from '../../src/core/errors.ts'
import { DEFAULT_TAG, parseReference } from '../../src/core/reference.ts'

/** An image that this node may read, as the tracker has it now. */
export interface HoardCandidate {
  /** By tag, so that the next version is found as well. */
  readonly reference: string
  readonly manifest: string
}

/** Images that this node may read: the known references, and those whose bytes were asked for last. Errors: those of the tracker. */
export async function hoardCandidates(
  images: Pick<TrackerClient['images'], 'list' | 'get'>,
  known: readonly string[],
  options: CallOptions,
): Promise<HoardCandidate[]> {
  const listed = await images.list({ sort: 'accessed', dir: 'desc', limit: HOARD_IMAGES_MAX }, options)
  const found = new Map(listed.map((image) => [`${image.namespace}/${image.name}`, image]))
  const candidates: HoardCandidate[] = []
  const asked = new Set<string>()
  for (const reference of new Set(known)) {
    const { namespace, name } = parseReference(reference)
    const key = `${namespace}/${name}`
    asked.add(key)
    const image = found.get(key) ?? (await orNothing(images.get({ namespace, name }, options)))
    const candidate = image && candidateOf(image, reference)
    if (candidate !== undefined) candidates.push(candidate)
  }
  for (const [key, image] of found) {
    const reference =
      image.tags[DEFAULT_TAG] === undefined ? `${key}@${image.version}` : `${key}:${DEFAULT_TAG}`
    const candidate = asked.has(key) ? undefined : candidateOf(image, reference)
    if (candidate !== undefined) candidates.push(candidate)
  }
  return candidates
}

/** Undefined where the image has no such version. */
function candidateOf({ tags, versions }: ImageObject, reference: string): HoardCandidate | undefined {
  const { tag = DEFAULT_TAG, version = tags[tag] } = parseReference(reference)
  const meant = versions.find((one) => one.version === version)
  return meant && { reference, manifest: meant.manifest }
}

async function orNothing<T>(request: Promise<T>): Promise<T | undefined> {
  try {
    return await request
  } catch (error) {
    if (error instanceof NotFoundError || error instanceof NotAuthorisedError) return undefined
    throw error
  }
}
