import { NBD_STRING_BYTES_MAX } from '../../../src/core/disk-limits.ts'
import { ProtocolError } from '../../../src/core/errors.ts'

const UTF8 = new TextDecoder('utf-8', { fatal: true })

/** What INFO and GO ask for. */
export interface InfoRequest {
  readonly name: string
  /** Kinds of information; those that we do not know included. */
  readonly kinds: readonly number[]
}

/** What LIST_META_CONTEXT and SET_META_CONTEXT ask for. */
export interface MetaRequest {
  readonly name: string
  readonly queries: readonly string[]
}

/** Throws ProtocolError. */
export function readName(data: Buffer): string {
  const reader = new OptionReader(data)
  const name = reader.text(data.length)
  reader.end()
  return name
}

/** Throws ProtocolError. */
export function readInfoRequest(data: Buffer): InfoRequest {
  const reader = new OptionReader(data)
  const name = reader.text(reader.u32())
  const kinds = Array.from({ length: reader.u16() }, () => reader.u16())
  reader.end()
  return { name, kinds }
}

/** Throws ProtocolError. */
export function readMetaRequest(data: Buffer): MetaRequest {
  const reader = new OptionReader(data)
  const name = reader.text(reader.u32())
  const count = reader.u32()
  // Each takes four bytes at least: a count that says more is not worth a loop.
  if (count * 4 > data.length) throw new ProtocolError('more queries than the option has room for')
  const queries = Array.from({ length: count }, () => reader.text(reader.u32()))
  reader.end()
  const odd = queries.find((query) => query.indexOf(':') < 1)
  if (odd !== undefined) throw new ProtocolError('a query begins with a namespace and a colon')
  return { name, queries }
}

/** Reads the data of one option; every method throws ProtocolError where there is too little. */
class OptionReader {
  readonly #data: Buffer
  #at = 0

  constructor(data: Buffer) {
    this.#data = data
  }

  u16(): number {
    return this.#data.readUInt16BE(this.#advance(2))
  }

  u32(): number {
    return this.#data.readUInt32BE(this.#advance(4))
  }

  text(bytes: number): string {
    if (bytes > NBD_STRING_BYTES_MAX) throw new ProtocolError('a text is longer than 4,096 bytes')
    const from = this.#advance(bytes)
    let text: string
    try {
      text = UTF8.decode(this.#data.subarray(from, from + bytes))
    } catch (cause) {
      throw new ProtocolError('a text is not UTF-8', { cause })
    }
    if (text.includes('\0')) throw new ProtocolError('a text holds NUL')
    return text
  }

  end(): void {
    if (this.#at !== this.#data.length) throw new ProtocolError('the option is longer than what it says')
  }

  #advance(bytes: number): number {
    const from = this.#at
    if (from + bytes > this.#data.length) throw new ProtocolError('the option is shorter than what it says')
    this.#at += bytes
    return from
  }
}
