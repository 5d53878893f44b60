import { SERVE_NEEDLESS_BURST_BYTES, SERVE_NEEDLESS_BYTES_PER_SECOND } from '../../core/limits.ts'
import { TokenBucket } from './token-bucket.ts'

/**
 * What peers ask for and nobody needs. It is given one at a time, so many bytes a second, so that who floods takes next to nothing of an uplink although that has a moment without anything
 * to send again and again: what is given in such a moment is in the way of what comes next. State only.
 */
export class NeedlessJobs<J extends { readonly peer: string }> {
  /** By peer, the longest not served first. */
  readonly #waiting = new Map<string, Set<J>>()
  readonly #bytes = new TokenBucket({
    ...{ perSecond: SERVE_NEEDLESS_BYTES_PER_SECOND, burst: SERVE_NEEDLESS_BURST_BYTES },
    nowMs: 0,
  })
  #size = 0

  get size(): number {
    return this.#size
  }

  add(job: J): void {
    const jobs = this.#waiting.get(job.peer) ?? new Set()
    this.#waiting.set(job.peer, jobs.add(job))
    this.#size++
  }

  /** Returns whether it waited. */
  remove(job: J): boolean {
    const jobs = this.#waiting.get(job.peer)
    if (jobs?.delete(job) !== true) return false
    if (jobs.size === 0) this.#waiting.delete(job.peer)
    this.#size--
    return true
  }

  /** Those of a peer. */
  of(peer: string): J[] {
    return [...(this.#waiting.get(peer) ?? [])]
  }

  /** Takes the next one of those whom nothing is given to now; undefined when none waits, or it is too soon. `sent` has to follow. */
  next(nowMs: number, isServed: (peer: string) => boolean): J | undefined {
    if (this.waitMs(nowMs) !== 0) return undefined
    for (const [peer, jobs] of this.#waiting) {
      if (isServed(peer)) continue
      for (const job of jobs) {
        this.remove(job)
        if (this.#waiting.delete(peer) && jobs.size > 0) this.#waiting.set(peer, jobs)
        return job
      }
    }
    return undefined
  }

  sent(bytes: number, nowMs: number): void {
    this.#bytes.take(bytes, nowMs)
  }

  /** Milliseconds until `next` may have one; infinite when none waits. */
  waitMs(nowMs: number): number {
    return this.#size === 0 ? Number.POSITIVE_INFINITY : this.#bytes.waitMs(nowMs)
  }
}
