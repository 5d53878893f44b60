import { hash } from 'node:crypto'
import { AUDIT_LINE_BYTES_MAX } from './registry-limits.ts'

/** What one line of the audit log says: who asked for what, and what became of it. Never bodies, keys or tokens. */
export interface AuditEntry {
  /** ISO 8601, UTC. */
  readonly time: string
  /** What was asked: a word of the interface and the method, such as `tag.put`. */
  readonly action: string
  /** `done`, `refused` by the tracker, or `failed` through no fault of the asker. */
  readonly result: 'done' | 'refused' | 'failed'
  /** Id of the request in the logs. */
  readonly req?: string
  /** Distinguished name of the end entity; null without a valid certificate. */
  readonly dn?: string | null
  /** Proxy certificates between the end entity and who asked. */
  readonly proxyDepth?: number
  readonly limited?: boolean
  /** What the tracker knows the asker as. */
  readonly kind?: string
  readonly asker?: string | null
  readonly remote?: string
  readonly method?: string
  /** Pattern of the path. */
  readonly route?: string
  /** Names that the request was about. */
  readonly target?: Readonly<Record<string, string>>
  readonly status?: number
  /** Code of the error, and what it said. */
  readonly code?: string
  readonly detail?: string
  /** Of lines that the log writes of itself: how many there are of what. */
  readonly count?: number
}

/** A line as it is written: entries are numbered, and each has the digest of the line before. */
export interface AuditLine extends AuditEntry {
  readonly seq: number
  /** Hex sha-256 of the text of the line before, its line feed left out; of the first line 64 zeros. */
  readonly prev: string
}

/** What the first line has for the digest of one before it. */
export const AUDIT_START = '0'.repeat(64)

export function encodeAuditLine(entry: AuditEntry, place: { seq: number; prev: string }): string {
  const { seq, prev } = place
  return JSON.stringify({ seq, ...entry, prev })
}

export function auditDigest(text: string): string {
  return hash('sha256', text)
}

/** Undefined when the text is no line of an audit log. */
export function parseAuditLine(text: string): AuditLine | undefined {
  if (text.length > AUDIT_LINE_BYTES_MAX) return undefined
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const { seq, prev, time, action, result } = value as Record<string, unknown>
  const isLine =
    Number.isSafeInteger(seq) &&
    (seq as number) > 0 &&
    typeof prev === 'string' &&
    /^[0-9a-f]{64}$/.test(prev) &&
    [time, action, result].every((text) => typeof text === 'string')
  return isLine ? (value as AuditLine) : undefined
}

/** Which lines are wanted. */
export interface AuditFilter {
  /** Part of a distinguished name or of a name. */
  readonly asker?: string | undefined
  /** Beginning of an action. */
  readonly action?: string | undefined
  readonly result?: string | undefined
  /** Part of a name that the request was about. */
  readonly target?: string | undefined
  /** Milliseconds since the epoch: at or after, before. */
  readonly sinceMs?: number | undefined
  readonly untilMs?: number | undefined
}

export function matchesAudit(line: AuditLine, filter: AuditFilter): boolean {
  const { asker, action, result, target, sinceMs, untilMs } = filter
  if (action !== undefined && !line.action.startsWith(action)) return false
  if (result !== undefined && line.result !== result) return false
  if (asker !== undefined && ![line.dn, line.asker].some((text) => text?.includes(asker) === true))
    return false
  if (target !== undefined && !Object.values(line.target ?? {}).some((text) => text.includes(target)))
    return false
  if (sinceMs === undefined && untilMs === undefined) return true
  const atMs = Date.parse(line.time)
  return atMs >= (sinceMs ?? Number.NEGATIVE_INFINITY) && atMs < (untilMs ?? Number.POSITIVE_INFINITY)
}

/** Checks lines, one after the other, against their chain. Begins anywhere: files of a log are checked one by one or together. */
export class AuditChain {
  #last: { readonly seq: number; readonly digest: string } | undefined

  /** Number and digest of the last good line, to be kept elsewhere; undefined before the first. */
  get head(): { readonly seq: number; readonly digest: string } | undefined {
    return this.#last
  }

  /** What is wrong with the next line; undefined when nothing is. The chain goes on with it either way. */
  next(text: string): string | undefined {
    const line = parseAuditLine(text)
    if (line === undefined) return 'is no line of an audit log'
    const before = this.#last
    this.#last = { seq: line.seq, digest: auditDigest(text) }
    if (before === undefined) {
      return line.seq === 1 && line.prev !== AUDIT_START ? 'is the first and names one before it' : undefined
    }
    if (line.seq !== before.seq + 1)
      return `has number ${line.seq} after ${before.seq}: lines are missing or moved`
    return line.prev === before.digest
      ? undefined
      : 'does not follow the line before it: one of the two was changed'
  }
}
