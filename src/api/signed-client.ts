import type { CallOptions } from '../core/blockstore.ts'
import type { ImageName, Namespace } from '../core/reference.ts'
import { API_LONG_ANSWER_TIMEOUT_MS } from '../core/registry-limits.ts'
import {
  type AclEntryBody,
  AclView,
  ChainReport,
  type ChangeAclBody,
  RecordsView,
  RepairAnswer,
  SignatureView,
} from './acl-schemas.ts'
import type { HttpClient, HttpRequest } from './http-client.ts'
import { fillPath, TRACKER_PATHS } from './tracker-paths.ts'

/** A namespace, or an image of it. */
export interface AclPlace {
  readonly namespace: Namespace
  readonly name?: ImageName
}

export interface VersionKey {
  readonly namespace: Namespace
  readonly name: ImageName
  readonly version: number
}

/** ACLs, chains and signatures. Errors: those of HttpClient. */
export class SignedClient {
  readonly #http: HttpClient

  constructor(components: { http: HttpClient }) {
    this.#http = components.http
  }

  async acl(place: AclPlace, options: CallOptions = {}): Promise<AclView> {
    return await this.#http.json({ method: 'GET', path: aclPath(place), signal: options.signal }, AclView)
  }

  /** All versions of an ACL, oldest first. */
  async aclChain(place: AclPlace, options: CallOptions = {}): Promise<string[]> {
    const request = { method: 'GET', path: aclPath(place), signal: options.signal } as const
    return await allPages((after) => this.#http.json({ ...request, query: { after } }, AclView))
  }

  /** @param version which the change was made for; another one is a ConflictError */
  async setAcl(
    place: AclPlace,
    init: { entries: readonly AclEntryBody[]; version?: number | undefined },
    options: CallOptions = {},
  ): Promise<AclView> {
    const { entries, version } = init
    const request = { method: 'PUT', path: aclPath(place), json: { entries }, ...options } as const
    return await this.#http.json(matching(request, version), AclView)
  }

  /** Gives one right, or with `none` takes it away. */
  async changeAcl(
    place: AclPlace,
    init: { entry: ChangeAclBody; version?: number | undefined },
    options: CallOptions = {},
  ): Promise<AclView> {
    const { entry, version } = init
    const request = { method: 'POST', path: aclPath(place), json: entry, ...options } as const
    return await this.#http.json(matching(request, version), AclView)
  }

  /** Everything that the tracker has signed about the versions of an image, oldest first. */
  async records(
    image: { readonly namespace: Namespace; readonly name: ImageName },
    options: CallOptions = {},
  ): Promise<string[]> {
    const request = { method: 'GET', path: fillPath(TRACKER_PATHS.records, image), ...options } as const
    return await allPages((after) => this.#http.json({ ...request, query: { after } }, RecordsView))
  }

  /** What somebody has signed about a version, and the record that attests it. Errors: NotFoundError when nobody has. */
  async signature(version: VersionKey, options: CallOptions = {}): Promise<SignatureView> {
    const request = { method: 'GET', path: fillPath(TRACKER_PATHS.signature, version), ...options } as const
    return await this.#http.json(request, SignatureView)
  }

  async putSignature(
    version: VersionKey,
    signature: string,
    options: CallOptions = {},
  ): Promise<SignatureView> {
    const path = fillPath(TRACKER_PATHS.signature, version)
    return await this.#http.json({ method: 'PUT', path, json: { signature }, ...options }, SignatureView)
  }

  /** Reads every chain at the tracker. For admins. */
  async checkChains(options: CallOptions = {}): Promise<ChainReport> {
    const request = { method: 'POST', path: TRACKER_PATHS.chains, json: {}, ...options } as const
    return await this.#http.json({ ...request, answerTimeoutMs: API_LONG_ANSWER_TIMEOUT_MS }, ChainReport)
  }

  /** Goes on with chains that lost statements. For admins. `target`: as reports name it, or `all`. */
  async repairChains(
    init: { target: string; keep: boolean },
    options: CallOptions = {},
  ): Promise<RepairAnswer> {
    const request = { method: 'POST', path: TRACKER_PATHS.chainRepairs, json: init, ...options } as const
    return await this.#http.json({ ...request, answerTimeoutMs: API_LONG_ANSWER_TIMEOUT_MS }, RepairAnswer)
  }
}

function aclPath({ namespace, name }: AclPlace): string {
  return name === undefined
    ? fillPath(TRACKER_PATHS.namespaceAcl, { namespace })
    : fillPath(TRACKER_PATHS.imageAcl, { namespace, name })
}

function matching(request: HttpRequest, version: number | undefined): HttpRequest {
  return version === undefined ? request : { ...request, headers: { 'if-match': `"${version}"` } }
}

async function allPages(
  read: (after: number) => Promise<{ statements: string[]; next: number | null }>,
): Promise<string[]> {
  const all: string[] = []
  for (let after: number | null = 0; after !== null; ) {
    const page: { statements: string[]; next: number | null } = await read(after)
    all.push(...page.statements)
    // A page that does not go forward would be asked for without end.
    after = page.next !== null && page.next > after ? page.next : null
  }
  return all
}
