import { VALIDATED_CHAINS_MAX } from '../core/limits.ts'
import type { Trust } from './trust.ts'

/** What is remembered of a chain that was validated; times in milliseconds since the epoch. */
interface Validated {
  /** All certificates of the path are valid from here to there. */
  readonly fromMs: number
  readonly principal: { readonly notAfterMs: number }
  /** Nothing is known to be revoked until then. */
  readonly listsUntilMs: number
}

interface Remembered {
  readonly generation: number
  /** Least recently used first. */
  readonly chains: Map<string, { value: Validated; nowMs: number }>
}

const byTrust = new WeakMap<Trust, Remembered>()

interface Question {
  readonly trust: Trust
  readonly nowMs: number
  /** When the certificates must have been valid; `nowMs` unless given. */
  readonly atMs?: number | undefined
  /** Names everything else that the result depends on. */
  readonly key: string
}

/**
 * The result of `validate`, or what it gave before for the same trust and key, as long as it holds, the trust has not been
 * read again and the clock has not gone back. Refusals are not remembered. At most VALIDATED_CHAINS_MAX for each trust.
 */
export function remembered<T extends Validated>(question: Question, validate: () => T): T {
  const { trust, nowMs, atMs = nowMs, key } = question
  const chains = chainsOf(trust)
  const known = chains.get(key) as { value: T; nowMs: number } | undefined
  chains.delete(key)
  const holds = known !== undefined && nowMs >= known.nowMs && nowMs <= known.value.listsUntilMs
  const fresh = holds && atMs >= known.value.fromMs && atMs <= known.value.principal.notAfterMs
  const entry = fresh ? known : { value: validate(), nowMs }
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
