import { VALIDATED_CHAINS_MAX } from '../core/limits.ts'
import type { Trust } from './trust.ts'

/** What is remembered of a chain that was validated. */
interface Validated {
  readonly principal: { readonly notAfterMs: number }
}

/** Least recently used first. Keyed by trust, so that a CA file that was read again starts with nothing. */
const byTrust = new WeakMap<Trust, Map<string, { value: Validated; atMs: number }>>()

/**
 * The result of `validate`, or what it gave before for the same trust and key, as long as the path has not expired
 * and the clock has not gone back. Refusals are not remembered. At most VALIDATED_CHAINS_MAX for each trust.
 * `key` names everything that the result depends on.
 */
export function remembered<T extends Validated>(
  init: { readonly trust: Trust; readonly nowMs: number; readonly key: string },
  validate: () => T,
): T {
  const { trust, nowMs, key } = init
  const chains = byTrust.get(trust) ?? new Map()
  byTrust.set(trust, chains)
  const known = chains.get(key)
  chains.delete(key)
  const fresh = known !== undefined && nowMs >= known.atMs && nowMs <= known.value.principal.notAfterMs
  const entry = fresh ? known : { value: validate(), atMs: nowMs }
  chains.set(key, entry)
  if (chains.size > VALIDATED_CHAINS_MAX) chains.delete(chains.keys().next().value)
  return entry.value
}
