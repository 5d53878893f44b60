import type { Clock } from '../core/clock.ts'

/** Resolves as soon as `holdMs` is 0; it is asked again whenever the milliseconds that it gave are over. */
export async function leisure({ clock }: { clock: Clock }, holdMs: () => number): Promise<void> {
  for (let ms = holdMs(); ms > 0; ms = holdMs()) {
    const { promise, resolve } = Promise.withResolvers<void>()
    clock.after(ms, resolve)
    await promise
  }
}
