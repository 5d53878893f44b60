import type { CallOptions } from '../core/blockstore.ts'
import type { Reference } from '../core/reference.ts'
import type { HttpClient } from './http-client.ts'
import { type FindProfileBody, ProfileView, type PutRecordingBody } from './profile-schemas.ts'
import { fillPath, TRACKER_PATHS } from './tracker-paths.ts'

/** Boot profiles of images. Errors: those of HttpClient; NotFoundError where there is none. The caller verifies `token`. */
export class ProfileClient {
  readonly #http: HttpClient

  constructor(components: { http: HttpClient }) {
    this.#http = components.http
  }

  /** For whoever may read the image. */
  async get(reference: Reference, options: CallOptions = {}): Promise<ProfileView> {
    const path = fillPath(TRACKER_PATHS.profile, reference)
    return await this.#http.json(
      { ...options, method: 'GET', path, query: versionOf(reference) },
      ProfileView,
    )
  }

  /** For a node, also where somebody has delegated the image to it. */
  async find(json: FindProfileBody, options: CallOptions = {}): Promise<ProfileView> {
    const path = TRACKER_PATHS.swarmProfile
    return await this.#http.json({ ...options, method: 'POST', path, json }, ProfileView)
  }

  /** Gives what a machine of this node has read while it booted. */
  async record(json: PutRecordingBody, options: CallOptions = {}): Promise<void> {
    await this.#http.empty({ ...options, method: 'POST', path: TRACKER_PATHS.bootRecordings, json })
  }

  /** Forgets a profile and what it was made of; it begins anew. For whoever may write the image. */
  async drop(reference: Reference, options: CallOptions = {}): Promise<void> {
    const path = fillPath(TRACKER_PATHS.profile, reference)
    await this.#http.empty({ ...options, method: 'DELETE', path, query: versionOf(reference) })
  }
}

function versionOf({ tag, version, manifest }: Reference): Record<string, string | number | undefined> {
  return { tag, version, manifest }
}
