import { setTimeout as sleep } from 'node:timers/promises'

export interface RetryInit {
  /** Tries in all, the first one included. */
  attempts: number
  /** Pause before the second try; doubles each time up to `maxMs`. Each pause is drawn between half and all of it. */
  firstMs: number
  maxMs: number
  /** Whether another try may help. */
  when(error: unknown): boolean
}

/** Calls `fn` until it succeeds, an error is final, or the attempts are used up; throws the last error. */
export async function retry<T>(
  fn: () => Promise<T>,
  init: RetryInit,
  options: { signal?: AbortSignal | undefined } = {},
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await fn()
    } catch (error) {
      if (attempt >= init.attempts || options.signal?.aborted === true || !init.when(error)) throw error
      const pauseMs = Math.min(init.maxMs, init.firstMs * 2 ** (attempt - 1)) * (0.5 + Math.random() / 2)
      await sleep(pauseMs, undefined, options.signal === undefined ? {} : { signal: options.signal }).catch(
        () => {
          throw error
        },
      )
    }
  }
}
