import * as dagCbor from '@ipld/dag-cbor'
import { BootswarmError, ManifestError } from './errors.ts'

/** Depth of nested lists, maps and tags: a manifest needs 4. */
const DEPTH_MAX = 8

export interface NodeBounds {
  readonly bytesMax: number
  /** Values in the node, keys, lists, maps and tags included: a decoder makes an object of some 100 bytes of each. */
  readonly itemsMax: number
}

/** A dag-cbor map within bounds and in canonical form. Throws ManifestError on any other bytes. */
export function decodeNode(bytes: Uint8Array, { bytesMax, itemsMax }: NodeBounds): Record<string, unknown> {
  if (bytes.length > bytesMax) throw new ManifestError(`node is larger than ${bytesMax} bytes`)
  checkItems(bytes, itemsMax)
  try {
    const node: unknown = dagCbor.decode(bytes)
    if (typeof node !== 'object' || node === null || Array.isArray(node) || node instanceof Uint8Array) {
      throw new ManifestError('node is not a map')
    }
    if (Buffer.compare(dagCbor.encode(node), bytes) !== 0) {
      throw new ManifestError('node is not in canonical form')
    }
    return node as Record<string, unknown>
  } catch (cause) {
    if (cause instanceof BootswarmError) throw cause
    throw new ManifestError('node is not dag-cbor', { cause })
  }
}

/** Walks over the heads of the values (RFC 8949, section 3) before anything is allocated for them. */
function checkItems(bytes: Uint8Array, itemsMax: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  /** Values that the lists and maps which are open still lack, the innermost last. */
  const open: number[] = [1]
  let at = 0
  for (let items = 0; open.length > 0; items++) {
    if (items > itemsMax || open.length > DEPTH_MAX) throw new ManifestError('node has too many values')
    if (at >= bytes.length) throw new ManifestError('node is cut short')
    const head = readHead(view, at)
    at = head.end + (head.major === 2 || head.major === 3 ? head.value : 0)
    open[open.length - 1] = (open[open.length - 1] ?? 0) - 1
    if (head.major === 4) open.push(head.value)
    else if (head.major === 5) open.push(head.value * 2)
    else if (head.major === 6) open.push(1)
    while (open[open.length - 1] === 0) open.pop()
  }
}

/** Major type and argument of the value at `at`, and where its head ends. */
function readHead(view: DataView, at: number): { major: number; value: number; end: number } {
  const first = view.getUint8(at)
  const major = first >> 5
  const info = first & 31
  if (info < 24) return { major, value: info, end: at + 1 }
  const width = 2 ** (info - 24)
  if (width > 8 || at + 1 + width > view.byteLength) throw new ManifestError('node is not dag-cbor')
  const value =
    width === 1
      ? view.getUint8(at + 1)
      : width === 2
        ? view.getUint16(at + 1)
        : width === 4
          ? view.getUint32(at + 1)
          : Number(view.getBigUint64(at + 1))
  return { major, value, end: at + 1 + width }
}
