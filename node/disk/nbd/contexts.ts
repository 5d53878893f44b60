import type { ExtentContext } from './export.ts'

/** Metadata contexts: their names in the protocol, and their numbers, which are the same on every connection. */
export const CONTEXTS: readonly { context: ExtentContext; name: string; id: number }[] = [
  { context: 'allocation', name: 'base:allocation', id: 1 },
  { context: 'cached', name: 'x-bootswarm:cached', id: 2 },
]

export type MetaContext = (typeof CONTEXTS)[number]

/** Those that queries name. `base:`, a namespace alone, is all of it where `wildcards` are allowed: in lists, not in selections. */
export function contextsFor(queries: readonly string[], init: { wildcards: boolean }): MetaContext[] {
  return CONTEXTS.filter(({ name }) => {
    const namespace = name.slice(0, name.indexOf(':') + 1)
    return queries.some((query) => query === name || (init.wildcards && query === namespace))
  })
}
