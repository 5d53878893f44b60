import type { CallOptions } from '../core/blockstore.ts'
import type { ImageName, Namespace } from '../core/reference.ts'
import { HistoryAnswer, UsageAnswer } from './accounting-schemas.ts'
import { AuditAnswer, type AuditQuery } from './audit-schemas.ts'
import type { HttpClient, HttpRequest } from './http-client.ts'
import { fillPath, TRACKER_PATHS } from './tracker-paths.ts'

/** What happened, and what users own. Errors: those of HttpClient. */
export class AccountingClient {
  readonly #http: HttpClient

  constructor(components: { http: HttpClient }) {
    this.#http = components.http
  }

  /** One page of the life of an image, oldest first. */
  async history(
    image: { namespace: Namespace; name: ImageName },
    page: { after?: number; limit?: number } = {},
    options: CallOptions = {},
  ): Promise<HistoryAnswer> {
    return await this.#http.json(get(fillPath(TRACKER_PATHS.history, image), page, options), HistoryAnswer)
  }

  /** What the asker owns; for admins, one page of all users. */
  async usage(
    page: { after?: string; limit?: number } = {},
    options: CallOptions = {},
  ): Promise<UsageAnswer> {
    return await this.#http.json(get(TRACKER_PATHS.usage, page, options), UsageAnswer)
  }

  /** One page of the audit log, newest first. For admins. */
  async audit(query: AuditQuery = {}, options: CallOptions = {}): Promise<AuditAnswer> {
    return await this.#http.json(get(TRACKER_PATHS.audit, query, options), AuditAnswer)
  }
}

function get(path: string, query: NonNullable<HttpRequest['query']>, { signal }: CallOptions): HttpRequest {
  return { method: 'GET', path, query, signal }
}
