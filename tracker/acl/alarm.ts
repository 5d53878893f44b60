import type { TamperedError } from '../../src/core/errors.ts'
import type { Log } from '../../src/core/log.ts'
import { CHAIN_PROBLEMS_MAX } from '../../src/core/registry-limits.ts'
import type { AuditWriter } from '../audit/audit-requests.ts'

/** What happens when something signed was found changed outside the tracker. */
export class TamperAlarm {
  readonly #c: { readonly log: Log; readonly metrics: { tampered: { inc(): void } } }
  /** What the audit log has been told, by target. */
  readonly #told = new Map<string, string>()
  #audit: AuditWriter | undefined

  constructor(components: { log: Log; metrics: { tampered: { inc(): void } } }) {
    this.#c = components
  }

  /** Where it is written down, once for each finding. */
  writeTo(audit: AuditWriter): void {
    this.#audit = audit
  }

  /** Counts and logs it, each time that it is come upon. */
  readonly raise = (error: TamperedError): void => {
    this.#c.metrics.tampered.inc()
    this.#c.log.error({ ...error.data }, error.message)
    const target = String(error.data['target'])
    if (this.#audit === undefined || this.#told.get(target) === error.message) return
    if (this.#told.size >= CHAIN_PROBLEMS_MAX) this.#told.clear()
    this.#told.set(target, error.message)
    this.#audit.write({
      ...{ action: 'chain.tampered', result: 'failed', target: { target } },
      ...{ code: error.code, detail: error.message },
    })
  }
}
