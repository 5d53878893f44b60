import type { CallOptions } from '../core/blockstore.ts'
import type { Namespace } from '../core/reference.ts'
import { NamespaceObject, NamespaceObjects } from './group-schemas.ts'
import type { HttpClient } from './http-client.ts'
import { fillPath, TRACKER_PATHS } from './tracker-paths.ts'

/** Namespaces and who owns them. Errors: those of HttpClient. */
export class NamespaceClient {
  readonly #http: HttpClient

  constructor(components: { http: HttpClient }) {
    this.#http = components.http
  }

  async list(options: CallOptions = {}): Promise<NamespaceObject[]> {
    return await this.#http.json(
      { ...options, method: 'GET', path: TRACKER_PATHS.namespaces },
      NamespaceObjects,
    )
  }

  /** Of a user, of a group, or of the asker where neither is given. */
  async create(
    init: { namespace: Namespace; user?: string; group?: string },
    options: CallOptions = {},
  ): Promise<NamespaceObject> {
    const path = TRACKER_PATHS.namespaces
    return await this.#http.json({ ...options, method: 'POST', path, json: init }, NamespaceObject)
  }

  /** One without images. */
  async remove(namespace: Namespace, options: CallOptions = {}): Promise<void> {
    await this.#http.empty({
      ...options,
      method: 'DELETE',
      path: fillPath(TRACKER_PATHS.namespace, { namespace }),
    })
  }
}
