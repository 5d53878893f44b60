import { read } from 'node:fs'
import type { Clock } from '../core/clock.ts'
import { IntegrityError, ManifestError } from '../core/errors.ts'
import { CODEC_RAW, type Frame } from '../core/frame.ts'
import { inflateFrameInto, isDigestOf } from '../core/frame-codec.ts'
import { CheckedParts } from './checked-parts.ts'
import type { FramePool } from './frame-pool.ts'
import type { BlockPart, Memory, OpenedPart, WantedBlock } from './opened-block.ts'
import { ENTRY_HEADER_BYTES, isHeaderOf, type Location } from './pack-entry.ts'
import type { PackFile } from './pack-file.ts'
import type { PackFiles } from './pack-files.ts'
import type { PackIndex } from './pack-index.ts'
import { findSpans, type Span } from './pack-reader.ts'
import { PromptOpener } from './prompt-opener.ts'
import { readError } from './storage-errors.ts'

interface Parts {
  readonly clock: Clock
  readonly index: PackIndex
  readonly files: PackFiles
  readonly frames: FramePool
}

/**
 * Opens blocks for machines that wait: each is read, inflated and verified on this thread, so that nothing is copied between threads. Bytes are hashed when they are read
 * for the first time in this process, and compared with a checksum of what they were then whenever they are read again (CheckedFrames).
 */
export class BlockOpener {
  readonly #parts: Parts
  readonly #sums = new CheckedParts()
  readonly #prompt: PromptOpener

  constructor(parts: Parts) {
    this.#parts = parts
    this.#prompt = new PromptOpener({ ...parts, parts: this.#sums })
  }

  /** As `open`, before it returns; undefined where that cannot be: nothing is lacking or wrong for it. */
  openNow(wanted: readonly WantedBlock[], memory: Memory): Uint8Array[] | undefined {
    return this.#prompt.open(wanted, memory)
  }

  /** As `openPart`, before it returns, for whoever uses the bytes at once; undefined as `openNow`. */
  openPartNow(wanted: WantedBlock, part: BlockPart): OpenedPart | undefined {
    return this.#prompt.openPart(wanted, part)
  }

  /**
   * The blocks in order, views of memory that they share; undefined where the index has none. Errors: IntegrityError when one is damaged, ManifestError when one is of
   * another length, StorageError.
   */
  async open(wanted: readonly WantedBlock[], memory: Memory): Promise<(Uint8Array | undefined)[]> {
    const opened: (Uint8Array | undefined)[] = new Array(wanted.length).fill(undefined)
    const digests = wanted.map(({ digest }) => digest)
    const spans = findSpans(this.#parts, digests)
    for (const { wanted: found } of spans)
      for (const { at, location } of found) checkLength(location, wanted[at])
    // all of them, also when one fails: who asked may use the memory for something else then
    const ended = await Promise.allSettled(spans.map((span) => this.#openSpan(span, opened, memory)))
    await this.#parts.files.trim()
    for (const end of ended) if (end.status === 'rejected') throw end.reason
    return opened
  }

  /**
   * At least this part of a block: of one that rests as it is no more than that and what is checked with it, else all of it. Undefined where the index has none. Errors: as `open`.
   */
  async openPart(wanted: WantedBlock, part: BlockPart, memory: Memory): Promise<OpenedPart | undefined> {
    const { index, files } = this.#parts
    const location = index.find(wanted.digest)
    if (location === undefined) return undefined
    checkLength(location, wanted)
    const file = files.get(location.pack)
    if (location.codec === CODEC_RAW) {
      const known = this.#sums.around(part, location.length)
      const bytes = memory.take(known.end - known.start)
      await readAt(file, location.offset + ENTRY_HEADER_BYTES + known.start, bytes)
      if (this.#sums.isSame(wanted.digest, known.start, bytes)) return { start: known.start, bytes }
    }
    const [whole] = await this.open([wanted], memory)
    if (whole === undefined) return undefined
    if (location.codec === CODEC_RAW) this.#sums.add(wanted.digest, whole)
    return { start: 0, bytes: whole }
  }

  async #openSpan(
    { file, wanted, start, end }: Span,
    opened: (Uint8Array | undefined)[],
    memory: Memory,
  ): Promise<void> {
    const bytes = memory.take(end - start)
    await readAt(file, start, bytes)
    const inflated = wanted.reduce((sum, { location }) => sum + (isRaw(location) ? 0 : location.length), 0)
    // one more, as inflateFrameInto asks
    const target = inflated === 0 ? bytes : memory.take(inflated + 1)
    let filled = 0
    for (const { at, digest, location } of wanted) {
      const header = location.offset - start
      const { codec, length, stored } = location
      if (!isHeaderOf({ digest, codec, length, stored }, bytes, header))
        throw new IntegrityError('a pack does not hold what its index says', { data: { pack: file.id } })
      const from = header + ENTRY_HEADER_BYTES
      const frame = { digest, codec, length, bytes: bytes.subarray(from, from + stored) }
      opened[at] = this.#openFrame(frame, isRaw(location) ? undefined : target.subarray(filled))
      if (!isRaw(location)) filled += length
    }
    if (wanted.every(({ location }) => !isRaw(location))) memory.give(bytes)
  }

  /** Throws IntegrityError. */
  #openFrame(frame: Frame, target: Uint8Array | undefined): Uint8Array {
    const { checked } = this.#parts.frames
    const { crc, isChecked } = checked.look(frame)
    if (target !== undefined) inflateFrameInto(frame, target)
    const block = target === undefined ? frame.bytes : target.subarray(0, frame.length)
    if (isChecked) return block
    if (!isDigestOf(block, frame.digest)) throw new IntegrityError('block does not match its digest')
    checked.add(frame, crc)
    return block
  }
}

const isRaw = ({ codec }: Location) => codec === CODEC_RAW

function checkLength({ length }: Location, wanted: WantedBlock | undefined): void {
  if (length !== wanted?.length) throw new ManifestError('the image gives a block another length than it has')
}

/** Without the promises of node:fs, which cost as much as the read. Holds the file meanwhile, so that nobody closes it. Errors: IntegrityError when the disk does not have the bytes any more, StorageError. */
async function readAt(file: PackFile, position: number, into: Buffer): Promise<void> {
  file.retain()
  try {
    const fd = await file.descriptor()
    for (let filled = 0; filled < into.length; ) {
      const count = await readSome(fd, into.subarray(filled), position + filled)
      if (count === 0)
        throw new IntegrityError('a pack is shorter than its index says', { data: { pack: file.id } })
      filled += count
    }
  } catch (cause) {
    throw readError(cause)
  } finally {
    file.release()
  }
}

function readSome(fd: number, into: Buffer, position: number): Promise<number> {
  return new Promise((resolve, reject) =>
    read(fd, into, 0, into.length, position, (error, count) =>
      error === null ? resolve(count) : reject(error),
    ),
  )
}
