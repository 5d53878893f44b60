import type { Clock } from '../../src/core/clock.ts'
import { BusyError } from '../../src/core/errors.ts'
import {
  UPLOAD_BODIES_MAX,
  UPLOAD_BODIES_PER_PRINCIPAL_MAX,
  UPLOAD_BODIES_WAITING_MAX,
  UPLOAD_BODY_WAIT_MS,
} from '../../src/core/registry-limits.ts'

/** Requests of one principal. */
interface Line {
  inside: number
  /** Each takes over a place that somebody leaves. */
  readonly waiting: Set<() => void>
}

/**
 * Places for the bodies that the tracker reads at once: so many for everybody, a few of them for each principal. Who finds
 * none of its own free waits in line, unread, for a while.
 */
export class BodyPlaces {
  readonly #clock: Clock
  readonly #lines = new Map<string, Line>()
  #inside = 0

  constructor(components: { clock: Clock }) {
    this.#clock = components.clock
  }

  /** Runs `fn` in a place of the principal. Throws BusyError when there is none. */
  async within<T>(principal: string, fn: () => Promise<T>): Promise<T> {
    const line = this.#lines.get(principal) ?? { inside: 0, waiting: new Set() }
    this.#lines.set(principal, line)
    try {
      if (line.inside < UPLOAD_BODIES_PER_PRINCIPAL_MAX) line.inside++
      else await this.#wait(line)
      try {
        return await this.#inPlace(fn)
      } finally {
        leave(line)
      }
    } finally {
      if (line.inside === 0) this.#lines.delete(principal)
    }
  }

  async #inPlace<T>(fn: () => Promise<T>): Promise<T> {
    if (this.#inside >= UPLOAD_BODIES_MAX) throw busy()
    this.#inside++
    try {
      return await fn()
    } finally {
      this.#inside--
    }
  }

  /** Resolves with a place of the line taken. */
  async #wait(line: Line): Promise<void> {
    if (line.waiting.size >= UPLOAD_BODIES_WAITING_MAX) throw busy()
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    line.waiting.add(resolve)
    const cancel = this.#clock.after(UPLOAD_BODY_WAIT_MS, () => {
      if (line.waiting.delete(resolve)) reject(busy())
    })
    await promise.finally(cancel)
  }
}

/** Gives the place to who has waited longest. */
function leave(line: Line): void {
  const [next] = line.waiting
  if (next === undefined) {
    line.inside--
    return
  }
  line.waiting.delete(next)
  next()
}

function busy(): BusyError {
  return new BusyError('too many uploads at the moment: try again')
}
