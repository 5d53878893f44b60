import type { Clock } from '../core/clock.ts'

/** Resolves with `work`, or after so long. `work` does not fail. */
export async function within(
  { clock }: { clock: Clock },
  work: Promise<unknown>,
  ms: number,
): Promise<unknown> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const cancel = clock.after(ms, resolve)
  return await Promise.race([work, promise]).finally(cancel)
}

/** Resolves as soon as `holdMs` is 0, which is asked again whenever the milliseconds that it gave are over, and at `untilMs` at the latest. */
export async function leisure(
  { clock }: { clock: Clock },
  { holdMs, untilMs }: { holdMs: () => number; untilMs: number },
): Promise<void> {
  for (let ms = holdMs(); ms > 0 && clock.monotonic() < untilMs; ms = holdMs()) {
    const { promise, resolve } = Promise.withResolvers<void>()
    clock.after(Math.min(ms, untilMs - clock.monotonic()), resolve)
    await promise
  }
}
