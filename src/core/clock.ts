/** Time as a dependency, so that tests and the simulator can own it. */
export interface Clock {
  /** Milliseconds since the epoch (for validity of certificates and grants). */
  now(): number
  /** Milliseconds of a clock that never goes back (for deadlines and rates). */
  monotonic(): number
  /** Calls `fn` once after `ms`; the returned function cancels. Never keeps the process alive. */
  after(ms: number, fn: () => void): () => void
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, fn) {
    const timer = setTimeout(fn, ms)
    timer.unref()
    return () => clearTimeout(timer)
  },
}
