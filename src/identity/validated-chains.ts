import { VALIDATED_CHAINS_MAX } from '../core/limits.ts'
import type { Trust } from './trust.ts'

/** What is remembered of a chain that was validated. */
interface Validated {
  /** Milliseconds since the epoch. */
  readonly untilMs: number
}

interface Remembered {
  readonly generation: number
  /** Least recently used first. */
  readonly chains: Map<string, { value: Validated; atMs: number }>
}

const byTrust = new WeakMap<Trust, Remembered>()

/**
 * The result of `validate`, or what it gave before for the same trust and key, as long as it holds, the trust has not been
 * read again and the clock has not gone back. Refusals are not remembered. At most VALIDATED_CHAINS_MAX for each trust.
 * `key` names everything that the result depends on.
 */
export function remembered<T extends Validated>(
  init: { readonly trust: Trust; readonly nowMs: number; readonly key: string },
  validate: () => T,
): T {
  const { trust, nowMs, key } = init
  const chains = chainsOf(trust)
  const known = chains.get(key) as { value: T; atMs: number } | undefined
  chains.delete(key)
  const fresh = known !== undefined && nowMs >= known.atMs && nowMs <= known.value.untilMs
  const entry = fresh ? known : { value: validate(), atMs: nowMs }
  chains.set(key, entry)
  const [oldest] = chains.keys()
  if (chains.size > VALIDATED_CHAINS_MAX && oldest !== undefined) chains.delete(oldest)
  return entry.value
}

function chainsOf(trust: Trust): Remembered['chains'] {
  const { generation } = trust
  const known = byTrust.get(trust)
  if (known?.generation === generation) return known.chains
  const chains: Remembered['chains'] = new Map()
  byTrust.set(trust, { generation, chains })
  return chains
}
