import { readSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import type { Digest } from '../core/cid.ts'
import type { Clock } from '../core/clock.ts'
import { IntegrityError } from '../core/errors.ts'
import { CODEC_RAW } from '../core/frame.ts'
import { type FrameContent, inflateFrameInto, isDigestOf } from '../core/frame-codec.ts'
import { BLOCK_BYTES_MAX } from '../core/limits.ts'
import type { CheckedParts } from './checked-parts.ts'
import type { FramePool } from './frame-pool.ts'
import { type KnownBlock, KnownBlocks } from './known-blocks.ts'
import type { BlockPart, Memory, OpenedPart, WantedBlock } from './opened-block.ts'
import { ENTRY_HEADER_BYTES, entryBytes } from './pack-entry.ts'
import type { PackFiles } from './pack-files.ts'
import type { PackIndex } from './pack-index.ts'
import { ReadPace } from './read-pace.ts'

const KiB = 1024
/** Bytes of the blocks that are opened at once, at most: half a millisecond. */
const OPENED_BYTES_MAX = 1024 * KiB
/** Bytes of one read, at most; more than the largest entry. */
const READ_BYTES = 512 * KiB
/** Bytes between two wanted entries that are read along: a read of its own takes as long as to copy these. */
const GAP_BYTES = 16 * KiB

interface PromptComponents {
  readonly index: PackIndex
  readonly files: PackFiles
  readonly frames: FramePool
  readonly parts: CheckedParts
  readonly clock: Clock
}

interface Place {
  readonly digest: Digest
  readonly known: KnownBlock
}

/** Memory of the answer. */
type Take = (bytes: number) => Buffer

/** Neighbours in a pack: `bytes` from `start` on. */
interface Run {
  readonly fd: number
  readonly start: number
  end: number
  isRaw: boolean
  readonly places: Place[]
}

/**
 * Opens blocks while the caller waits, as BlockOpener does: without promises, other threads and memory of their own it costs half as much. What is not here or not in order, and what is on
 * a slow disk, is left to BlockOpener, which says what is wrong.
 */
export class PromptOpener {
  readonly #components: PromptComponents
  readonly #pace: ReadPace
  readonly #known = new KnownBlocks()
  /** Where stored bytes are read; it stays in the cache of the processor. */
  #read: Buffer | undefined
  /** Where a block is inflated of which a part is wanted. */
  #inflated: Buffer | undefined

  constructor(components: PromptComponents) {
    this.#components = components
    this.#pace = new ReadPace(components)
  }

  /** The blocks in order, as BlockOpener.open gives them; undefined where that has to be asked. */
  open(wanted: readonly WantedBlock[], memory: Memory): Uint8Array[] | undefined {
    const runs = this.#plan(wanted)
    if (runs === undefined) return undefined
    const opened: Uint8Array[] = []
    const taken: Buffer[] = []
    const take = (bytes: number) => {
      const buffer = memory.take(bytes)
      taken.push(buffer)
      return buffer
    }
    if (
      runs.every((run) => (run.isRaw ? this.#openRaw(run, opened, take) : this.#inflate(run, opened, take)))
    )
      return opened
    for (const buffer of taken) memory.give(buffer)
    return undefined
  }

  /** As BlockOpener.openPart; the bytes are to be used at once. Undefined where that has to be asked. */
  openPart({ digest, length }: WantedBlock, part: BlockPart): OpenedPart | undefined {
    const known = this.#find(digest, length)
    const fd = known && this.#components.files.get(known.pack).descriptorNow
    if (known === undefined || fd === undefined) return undefined
    const from = known.offset + ENTRY_HEADER_BYTES
    if (known.codec === CODEC_RAW) return this.#openPages({ digest, known }, { fd, from }, part)
    this.#inflated ??= Buffer.allocUnsafeSlow(BLOCK_BYTES_MAX + 1)
    const bytes = this.#fill(fd, from, known.stored)
    if (bytes === undefined || !this.#openFrame({ digest, known }, bytes, this.#inflated)) return undefined
    return { start: 0, bytes: this.#inflated.subarray(0, length) }
  }

  /** Of a block that rests as it is: all of it when the sums of its parts are not known yet. */
  #openPages(
    place: Place,
    { fd, from }: { fd: number; from: number },
    part: BlockPart,
  ): OpenedPart | undefined {
    const { parts } = this.#components
    const { digest, known } = place
    const { start, end } = parts.around(part, known.length)
    if (parts.has(digest, start, end)) {
      const bytes = this.#fill(fd, from + start, end - start)
      return bytes !== undefined && parts.isSame(digest, start, bytes) ? { start, bytes } : undefined
    }
    const bytes = this.#fill(fd, from, known.length)
    if (bytes === undefined || !this.#openFrame(place, bytes, undefined)) return undefined
    parts.add(digest, bytes)
    return { start: 0, bytes }
  }

  #find(digest: Digest, length: number): KnownBlock | undefined {
    const { index } = this.#components
    if (length > BLOCK_BYTES_MAX) return undefined
    const known = this.#known.find(digest, index.removals + index.moves)
    if (known !== undefined) return known.length === length ? known : undefined
    const location = index.find(digest)
    if (location?.length !== length) return undefined
    this.#known.add(digest, location)
    return { ...location, crc: undefined }
  }

  #plan(wanted: readonly WantedBlock[]): Run[] | undefined {
    const runs: Run[] = []
    let run: Run | undefined
    let pack = 0
    let bytes = 0
    for (const { digest, length } of wanted) {
      const known = this.#find(digest, length)
      bytes += length
      if (known === undefined || bytes > OPENED_BYTES_MAX) return undefined
      const { offset } = known
      const end = offset + entryBytes(known)
      const isRaw = known.codec === CODEC_RAW
      const follows =
        run !== undefined &&
        pack === known.pack &&
        offset >= run.end &&
        offset - run.end <= GAP_BYTES &&
        end - run.start <= READ_BYTES
      if (run !== undefined && follows) {
        run.places.push({ digest, known })
        run.end = end
        run.isRaw &&= isRaw
        continue
      }
      const fd = this.#components.files.get(known.pack).descriptorNow
      if (fd === undefined) return undefined
      pack = known.pack
      run = { fd, start: offset, end, isRaw, places: [{ digest, known }] }
      runs.push(run)
    }
    return runs
  }

  /** Blocks that rest as they are stay where they were read. */
  #openRaw({ fd, start, end, places }: Run, opened: Uint8Array[], take: Take): boolean {
    const bytes = take(end - start)
    if (!this.#fillInto(fd, start, bytes)) return false
    for (const place of places) {
      const from = place.known.offset - start + ENTRY_HEADER_BYTES
      const block = bytes.subarray(from, from + place.known.length)
      if (!this.#openFrame(place, block, undefined)) return false
      opened.push(block)
    }
    return true
  }

  /** The others one behind the other. */
  #inflate({ fd, start, end, places }: Run, opened: Uint8Array[], take: Take): boolean {
    const bytes = this.#fill(fd, start, end - start)
    if (bytes === undefined) return false
    let length = 0
    for (const { known } of places) length += known.length
    // one more, as inflateFrameInto asks
    const target = take(length + 1)
    let filled = 0
    for (const place of places) {
      const { known } = place
      const from = known.offset - start + ENTRY_HEADER_BYTES
      const room = filled === 0 ? target : target.subarray(filled)
      if (!this.#openFrame(place, bytes.subarray(from, from + known.stored), room)) return false
      opened.push(room.subarray(0, known.length))
      filled += known.length
    }
    return true
  }

  /** Whether these are the stored bytes of a block, which is in `target` then, or in them where there is none. */
  #openFrame({ digest, known }: Place, bytes: Uint8Array, target: Uint8Array | undefined): boolean {
    const crc = crc32(bytes)
    if (known.crc !== undefined && crc !== known.crc) return false
    const { codec, length } = known
    if (target !== undefined && !inflates({ codec, length, bytes }, target)) return false
    if (known.crc !== undefined) return true
    const block = target === undefined ? bytes : target.subarray(0, length)
    const { checked } = this.#components.frames
    if (!checked.isSame(digest, crc)) {
      if (!isDigestOf(block, digest)) return false
      checked.add({ digest }, crc)
    }
    this.#known.checked(digest, crc)
    return true
  }

  /** Bytes of a file, good until the next are read; undefined when they cannot be read now. */
  #fill(fd: number, position: number, length: number): Buffer | undefined {
    this.#read ??= Buffer.allocUnsafeSlow(READ_BYTES)
    const bytes = this.#read.subarray(0, length)
    return this.#fillInto(fd, position, bytes) ? bytes : undefined
  }

  /** False when they cannot be read now. */
  #fillInto(fd: number, position: number, into: Buffer): boolean {
    if (!this.#pace.begin()) return false
    try {
      return readSync(fd, into, 0, into.length, position) === into.length
    } catch {
      // whoever reads it again finds out what it is
      return false
    } finally {
      this.#pace.end(into.length)
    }
  }
}

/** False when a frame cannot be inflated to its length. */
function inflates(frame: FrameContent, target: Uint8Array): boolean {
  try {
    inflateFrameInto(frame, target)
    return true
  } catch (error) {
    if (!(error instanceof IntegrityError)) throw error
    return false
  }
}
