import { DIGEST_BYTES } from '../core/cid.ts'
import type { Clock } from '../core/clock.ts'
import {
  EXCHANGE_MESSAGE_ITEMS,
  EXCHANGE_MESSAGES_BURST,
  EXCHANGE_MESSAGES_PER_SECOND,
} from '../core/limits.ts'
import type { Message } from '../wire/message-types.ts'
import { TokenBucket } from './policy/token-bucket.ts'

/**
 * How many messages of one channel are read in a second. Past it the channel is not read for a moment: who sends faster waits, and
 * loses nothing. `blocks` and `node` cost nothing: they come only when they were asked for.
 */
export class MessageAllowance {
  readonly #clock: Clock
  readonly #bucket: TokenBucket

  constructor(components: { clock: Clock }) {
    this.#clock = components.clock
    this.#bucket = new TokenBucket({
      perSecond: EXCHANGE_MESSAGES_PER_SECOND,
      burst: EXCHANGE_MESSAGES_BURST,
      nowMs: components.clock.monotonic(),
    })
  }

  /** Counts a message. True: nothing more may be read before `refilled`. */
  spends(message: Message): boolean {
    const cost = costOf(message)
    if (cost === 0) return false
    const nowMs = this.#clock.monotonic()
    this.#bucket.take(cost, nowMs)
    return this.#bucket.waitMs(nowMs) > 0
  }

  /** Resolves when messages may be read again. */
  async refilled(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#clock.after(this.#bucket.waitMs(this.#clock.monotonic()), resolve)
    await promise
  }
}

/** In messages without a list. */
function costOf(message: Message): number {
  switch (message.type) {
    case 'blocks':
    case 'node':
      return 0
    case 'have':
    case 'haveParts':
      return 1 + message.runs.length / EXCHANGE_MESSAGE_ITEMS
    case 'wantDigests':
      return 1 + message.digests.length / DIGEST_BYTES / EXCHANGE_MESSAGE_ITEMS
    default:
      return 1
  }
}
