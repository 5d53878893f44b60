import { type DigestKey, digestKey, type ManifestId } from '../../src/core/cid.ts'
import { InvalidError } from '../../src/core/errors.ts'
import type { Manifest } from '../../src/core/manifest.ts'
import type { Stretch } from '../../src/image/stretches.ts'
import type { ByteRange } from '../http/range.ts'
import type { SegmentPlans } from './segment-plans.ts'
import type { HeldStretch, StretchCache } from './stretch-cache.ts'

/** Zeros that are handed out at once. */
const ZEROS = new Uint8Array(1024 * 1024)

export interface RawReaderComponents {
  readonly plans: SegmentPlans
  readonly cache: StretchCache
}

/** Part of a stretch that somebody wants. */
interface Wanted {
  readonly key: string
  readonly stretch: Stretch
  /** Bytes of the stretch. */
  readonly start: number
  readonly end: number
}

/**
 * The bytes of a range of an image, each block verified, in pieces of up to 1 MiB; each stays as it is until the next is asked for
 * or the reading ends. `ahead` stretches are opened before they are asked for. Errors: InvalidError when the range is not within the image, NotFoundError,
 * IntegrityError, ManifestError, StorageError.
 */
export async function* readRaw(
  components: RawReaderComponents,
  init: { manifest: ManifestId; range: ByteRange },
  options: { ahead: () => number; signal: AbortSignal },
): AsyncGenerator<Uint8Array> {
  const manifest = await components.plans.manifest(init.manifest)
  const { start, end } = init.range
  if (!(start >= 0 && start <= end && end <= manifest.size))
    throw new InvalidError('the range is not within the image')
  const waiting: Promise<HeldStretch>[] = []
  try {
    for await (const wanted of wantedOf(components.plans, manifest, init.range)) {
      options.signal.throwIfAborted()
      const held = open(components.cache, wanted)
      held.catch(() => {}) // reported when its turn comes
      waiting.push(held)
      while (waiting.length > options.ahead()) yield* lend(waiting.shift())
    }
    while (waiting.length > 0) yield* lend(waiting.shift())
  } finally {
    for (const held of await Promise.allSettled(waiting))
      if (held.status === 'fulfilled') held.value.release()
  }
}

async function* lend(opened: Promise<HeldStretch> | undefined): AsyncGenerator<Uint8Array> {
  const held = await opened
  if (held === undefined) return
  try {
    yield held.bytes
  } finally {
    held.release()
  }
}

async function* wantedOf(plans: SegmentPlans, manifest: Manifest, range: ByteRange): AsyncGenerator<Wanted> {
  let offset = 0
  for (const link of manifest.segments) {
    if (offset >= range.end) return
    if (offset + link.size > range.start) {
      const segment = digestKey(link.digest)
      yield* cut(segment, await plans.stretches(link), {
        start: range.start - offset,
        end: range.end - offset,
      })
    }
    offset += link.size
  }
}

function* cut(segment: DigestKey, stretches: readonly Stretch[], range: ByteRange): Generator<Wanted> {
  for (const stretch of stretches) {
    const start = Math.max(0, range.start - stretch.offset)
    const end = Math.min(stretch.size, range.end - stretch.offset)
    if (end <= start) continue
    const key = `${segment}:${stretch.offset}`
    if (stretch.blocks !== undefined) yield { key, stretch, start, end }
    else {
      for (let at = start; at < end; at += ZEROS.length)
        yield { key, stretch, start: at, end: Math.min(end, at + ZEROS.length) }
    }
  }
}

async function open(cache: StretchCache, { key, stretch, start, end }: Wanted): Promise<HeldStretch> {
  if (stretch.blocks === undefined) return { bytes: ZEROS.subarray(0, end - start), release: () => {} }
  const { size, blocks } = stretch
  const { bytes, release } = await cache.hold(key, { size, blocks })
  return { bytes: bytes.subarray(start, end), release }
}
