import {
  NBD_OPTION_BYTES_MAX,
  NBD_OPTION_DRAIN_BYTES_MAX,
  NBD_OPTIONS_MAX,
} from '../../../src/core/disk-limits.ts'
import type { ByteQueue } from './byte-queue.ts'
import type { NbdExports } from './export.ts'
import { optionReply, shortText } from './option-replies.ts'
import { type OptionAnswer, Options, type Session } from './options.ts'
import {
  CLIENT_FLAGS_BYTES,
  HANDSHAKE_FLAG,
  OPTION,
  OPTION_HEADER_BYTES,
  OPTION_MAGIC,
  OPTION_REPLY,
} from './wire.ts'

/** What a connection does after a step. `break` hangs up without a word. */
export type HandshakeStep =
  | { readonly next: 'more' }
  | { readonly next: 'break' }
  | { readonly next: 'go on' | 'end' | 'starttls'; readonly replies: readonly Buffer[] }
  | { readonly next: 'transmission'; readonly replies: readonly Buffer[]; readonly session: Session }

/** Why every option is refused, as the type of the reply and a sentence. */
export interface HandshakeRefusal {
  readonly type: number
  readonly message: string
}

export interface HandshakeInit {
  readonly exports: NbdExports
  /** Whether nothing is said before TLS has begun. */
  readonly tls: boolean
  readonly refusal: () => HandshakeRefusal | undefined
}

const MORE = { next: 'more' } as const
const BREAK = { next: 'break' } as const

/** The handshake of one connection: reads its bytes within bounds, and decides. Touches no socket. */
export class Handshake {
  readonly #init: HandshakeInit
  #options: Options
  #flags: number | undefined
  #header: { option: number; length: number } | undefined
  #skip = 0
  #afterSkip: HandshakeStep = MORE
  #count = 0
  #hasTls = false

  constructor(init: HandshakeInit) {
    this.#init = init
    this.#options = this.#freshOptions()
  }

  /** What was negotiated in the clear does not count any more. */
  tlsBegan(): void {
    this.#hasTls = true
    this.#options = this.#freshOptions()
  }

  /** Reads the next thing from `queue`, if it is there as a whole. */
  step(queue: ByteQueue): HandshakeStep {
    if (this.#skip > 0) {
      this.#skip -= queue.skip(this.#skip)
      return this.#skip > 0 ? MORE : this.#afterSkip
    }
    if (this.#flags === undefined) return this.#clientFlags(queue)
    this.#header ??= this.#nextHeader(queue)
    if (this.#header === undefined) return MORE
    const { option, length } = this.#header
    if (option < 0 || this.#count >= NBD_OPTIONS_MAX) return BREAK
    if (length > NBD_OPTION_BYTES_MAX) return this.#tooLong(option, length)
    const data = queue.take(length)
    if (data === undefined) return MORE
    this.#header = undefined
    this.#count += 1
    return this.#answer(option, data)
  }

  #clientFlags(queue: ByteQueue): HandshakeStep {
    const flags = queue.take(CLIENT_FLAGS_BYTES)?.readUInt32BE()
    if (flags === undefined) return MORE
    const { fixedNewstyle, noZeroes } = HANDSHAKE_FLAG
    if ((flags & ~(fixedNewstyle | noZeroes)) !== 0) return BREAK
    // TLS and refusals are options of the fixed handshake.
    if (this.#init.tls && (flags & fixedNewstyle) === 0) return BREAK
    this.#flags = flags
    this.#options = this.#freshOptions()
    return { next: 'go on', replies: [] }
  }

  /** An option of -1: not the protocol. */
  #nextHeader(queue: ByteQueue): { option: number; length: number } | undefined {
    const bytes = queue.take(OPTION_HEADER_BYTES)
    if (bytes === undefined) return undefined
    if (bytes.readBigUInt64BE(0) !== OPTION_MAGIC) return { option: -1, length: 0 }
    return { option: bytes.readUInt32BE(8), length: bytes.readUInt32BE(12) }
  }

  #tooLong(option: number, length: number): HandshakeStep {
    if (option === OPTION.exportName || length > NBD_OPTION_DRAIN_BYTES_MAX) return BREAK
    this.#header = undefined
    this.#count += 1
    this.#skip = length
    const message = `options have at most ${NBD_OPTION_BYTES_MAX} bytes`
    this.#afterSkip = { next: 'go on', replies: [errorReply(option, OPTION_REPLY.tooBig, message)] }
    return { next: 'go on', replies: [] }
  }

  #answer(option: number, data: Buffer): HandshakeStep {
    if (option === OPTION.abort) return { next: 'end', replies: [optionReply(option, OPTION_REPLY.ack)] }
    if (this.#init.tls && !this.#hasTls) return this.#answerInTheClear(option, data)
    const refusal = this.#init.refusal()
    if (refusal !== undefined) return this.#refuse(option, refusal)
    if (option === OPTION.startTls) {
      const type = this.#hasTls ? OPTION_REPLY.invalid : OPTION_REPLY.policy
      const why = this.#hasTls ? 'TLS has begun' : 'there is no TLS on this socket'
      return { next: 'go on', replies: [errorReply(option, type, why)] }
    }
    return stepOf(option, this.#options.answer(option, data))
  }

  #answerInTheClear(option: number, data: Buffer): HandshakeStep {
    if (option === OPTION.exportName) return BREAK
    if (option !== OPTION.startTls) {
      const reply = errorReply(option, OPTION_REPLY.tlsRequired, 'begin with TLS')
      return { next: 'go on', replies: [reply] }
    }
    if (data.length > 0) {
      const reply = errorReply(option, OPTION_REPLY.invalid, 'this option has no data')
      return { next: 'go on', replies: [reply] }
    }
    return { next: 'starttls', replies: [optionReply(option, OPTION_REPLY.ack)] }
  }

  #refuse(option: number, { type, message }: HandshakeRefusal): HandshakeStep {
    // the one option whose answer cannot say no
    if (option === OPTION.exportName) return BREAK
    return { next: 'end', replies: [errorReply(option, type, message)] }
  }

  #freshOptions(): Options {
    const noZeroes = ((this.#flags ?? 0) & HANDSHAKE_FLAG.noZeroes) !== 0
    return new Options({ exports: this.#init.exports, noZeroes })
  }
}

function stepOf(option: number, answer: OptionAnswer): HandshakeStep {
  if ('broken' in answer) return BREAK
  if ('error' in answer) {
    return { next: 'go on', replies: [errorReply(option, answer.error, answer.message)] }
  }
  const { replies, session } = answer
  return session === undefined ? { next: 'go on', replies } : { next: 'transmission', replies, session }
}

function errorReply(option: number, type: number, message: string): Buffer {
  return optionReply(option, type, shortText(message))
}
