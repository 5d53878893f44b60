import type { FileHandle } from 'node:fs/promises'
import type { OpenedPart } from './open-pieces.ts'

/** Zeros for targets that cannot have holes. */
const ZEROS = new Uint8Array(1024 * 1024)

/** Writes the blocks of `parts` at their offsets, neighbours in one call; zero spans are passed over. */
export async function writeBlocks(handle: FileHandle, parts: readonly OpenedPart[]): Promise<void> {
  let run: Uint8Array[] = []
  let start = 0
  let end = 0
  for (const { offset, length, bytes } of parts) {
    if (bytes === undefined) continue
    if (offset !== end) {
      await writeAll(handle, run, start)
      run = []
      start = offset
    }
    run.push(bytes)
    end = offset + length
  }
  await writeAll(handle, run, start)
}

/** Writes `length` zero bytes at `offset`. */
export async function writeZeros(handle: FileHandle, offset: number, length: number): Promise<void> {
  for (let done = 0; done < length; done += ZEROS.length) {
    await writeAll(handle, [ZEROS.subarray(0, Math.min(ZEROS.length, length - done))], offset + done)
  }
}

/** One system call writes all of it, as a rule; a short write is carried on. */
async function writeAll(handle: FileHandle, buffers: readonly Uint8Array[], offset: number): Promise<void> {
  if (buffers.length === 0) return
  const { bytesWritten } = await handle.writev([...buffers], offset)
  let skip = bytesWritten
  let at = offset + bytesWritten
  for (const buffer of buffers) {
    const done = Math.min(skip, buffer.length)
    skip -= done
    for (let from = done; from < buffer.length; ) {
      const written = await handle.write(buffer, from, buffer.length - from, at)
      from += written.bytesWritten
      at += written.bytesWritten
    }
  }
}
