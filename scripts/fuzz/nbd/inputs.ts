const MiB = 1024 * 1024
/** Name and size of the disk that is offered. */
export const FUZZ_DISK = { name: 'fuzz/disk', bytes: 4 * MiB } as const

/** Numbers that bounds are about. */
const LENGTHS = [0, 1, 511, 4096, 65_536, 65_537, MiB, MiB + 1, 32 * MiB, 32 * MiB + 1, 2 ** 31, 2 ** 32 - 1]
const OFFSETS = [
  0n,
  1n,
  BigInt(FUZZ_DISK.bytes) - 1n,
  BigInt(FUZZ_DISK.bytes),
  2n ** 53n,
  2n ** 63n,
  2n ** 64n - 1n,
]
const CONTEXTS = ['base:allocation', 'x-bootswarm:cached', 'base:', 'qemu:dirty-bitmap:x', ':', 'nonsense']

/** From 0 to less than 1. */
export type Random = () => number

/** What one client sends, and how it leaves. */
export interface FuzzSession {
  readonly input: Buffer
  /** Where the input is cut in two. */
  readonly cut: number
  /** `end`: its side is closed and the rest is read; `silent`: it is closed, and nothing is read for a while. */
  readonly leaves: 'destroy' | 'end' | 'silent'
}

const below = (random: Random, count: number) => Math.floor(random() * count)
const oneOf = <T>(random: Random, items: readonly T[], otherwise: T): T =>
  items[below(random, items.length)] ?? otherwise

/** The same random numbers make the same session. */
export function makeSession(random: Random): FuzzSession {
  const flags = Buffer.from([0, 0, 0, random() < 0.9 ? 3 : below(random, 256)])
  const parts: Buffer[] = [flags]
  const isServing = random() < 0.6
  if (isServing)
    parts.push(option(8, Buffer.alloc(0)), option(10, metaData(random)), option(7, goData(FUZZ_DISK.name)))
  for (let left = 1 + below(random, 24); left > 0; left--) parts.push(piece(random, isServing))
  const input = Buffer.concat(parts)
  if (random() < 0.1) input.writeUInt8(below(random, 256), below(random, input.length))
  const leaves = oneOf(random, ['destroy', 'end', 'silent'] as const, 'destroy')
  return { input, cut: below(random, input.length), leaves }
}

function piece(random: Random, isServing: boolean): Buffer {
  const kind = random()
  if (kind < 0.01) return noise(random, below(random, 300))
  return isServing === kind < 0.97 ? request(random) : anyOption(random)
}

function anyOption(random: Random): Buffer {
  const code = random() < 0.9 ? below(random, 13) : below(random, 2 ** 32)
  const data = oneOf(
    random,
    [
      noise(random, below(random, 200)),
      goData(FUZZ_DISK.name),
      goData(''),
      metaData(random),
      Buffer.alloc(0),
    ],
    Buffer.alloc(0),
  )
  const lies = random() < 0.15
  return option(code, data, lies ? oneOf(random, LENGTHS, 0) : data.length)
}

/** The most expensive are rare: 32 MiB of answer each. */
function request(random: Random): Buffer {
  const bytes = Buffer.alloc(28)
  bytes.writeUInt32BE(random() < 0.99 ? 0x25609513 : below(random, 2 ** 32), 0)
  bytes.writeUInt16BE(oneOf(random, [0, 0, 0, 1, 4, 8, 0xffff], 0), 4)
  bytes.writeUInt16BE(below(random, 10), 6)
  bytes.writeBigUInt64BE(BigInt(below(random, 2 ** 32)), 8)
  bytes.writeBigUInt64BE(
    random() < 0.5 ? BigInt(below(random, FUZZ_DISK.bytes)) : oneOf(random, OFFSETS, 0n),
    16,
  )
  bytes.writeUInt32BE(random() < 0.5 ? below(random, 2 ** 18) : oneOf(random, LENGTHS, 0), 24)
  return bytes
}

export function option(code: number, data: Buffer, length = data.length): Buffer {
  const head = Buffer.alloc(16)
  head.write('IHAVEOPT')
  head.writeUInt32BE(code, 8)
  head.writeUInt32BE(length, 12)
  return Buffer.concat([head, data])
}

function text(value: string): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(Buffer.byteLength(value))
  return Buffer.concat([length, Buffer.from(value)])
}

/** Data of INFO and GO. */
export const goData = (name: string) => Buffer.concat([text(name), Buffer.alloc(2)])

function metaData(random: Random): Buffer {
  const queries = CONTEXTS.filter(() => random() < 0.5)
  const count = Buffer.alloc(4)
  count.writeUInt32BE(random() < 0.95 ? queries.length : below(random, 2 ** 32))
  return Buffer.concat([text(FUZZ_DISK.name), count, ...queries.map(text)])
}

function noise(random: Random, bytes: number): Buffer {
  return Buffer.from(Array.from({ length: bytes }, () => below(random, 256)))
}
