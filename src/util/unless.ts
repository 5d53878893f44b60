import { AbortedError, BootswarmError } from '../core/errors.ts'

/** What `work` comes to, unless the signal is aborted before: then its reason, when that is an error of ours, or AbortedError. The work goes on. */
export async function unless<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  const stopped = Promise.withResolvers<never>()
  const stop = () => {
    const reason: unknown = signal.reason
    stopped.reject(
      reason instanceof BootswarmError
        ? reason
        : new AbortedError('nobody waits any more', { cause: reason }),
    )
  }
  if (signal.aborted) stop()
  signal.addEventListener('abort', stop, { once: true })
  work.catch(() => {})
  try {
    return await Promise.race([stopped.promise, work])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
