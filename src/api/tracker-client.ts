import type { CallOptions } from '../core/blockstore.ts'
import type { ManifestId } from '../core/cid.ts'
import type { ImageName, Namespace, Reference, Tag } from '../core/reference.ts'
import { API_LONG_ANSWER_TIMEOUT_MS } from '../core/registry-limits.ts'
import type { PeerKey } from '../core/router.ts'
import { AccountingClient } from './accounting-client.ts'
import { HttpClient, type HttpClientInit, type HttpRequest } from './http-client.ts'
import { ImageClient } from './image-client.ts'
import type { ImageObject } from './image-schemas.ts'
import { NamespaceClient } from './namespace-client.ts'
import {
  type ChangeNodeBody,
  EnrolAnswer,
  type EnrolBody,
  type NodesQuery,
  NodeView,
  NodeViews,
  PassAnswer,
} from './node-enrolment-schemas.ts'
import { PlacementClient } from './placement-client.ts'
import { ProfileClient } from './profile-client.ts'
import { RepomanClient } from './repoman-client.ts'
import { SignedClient } from './signed-client.ts'
import {
  AnnounceAnswer,
  type AnnounceBody,
  JoinAnswer,
  type JoinBody,
  type LeaveBody,
  RelatedAnswer,
  type RelatedBody,
  type SwarmPeersQuery,
  SwarmPeersView,
  type SwarmsQuery,
  type SwarmView,
  SwarmViews,
} from './swarm-schemas.ts'
import { fillPath, TRACKER_PATHS } from './tracker-paths.ts'
import { GcAnswer, RecordAnswer, UploadAnswer } from './tracker-schemas.ts'
import { UploadClient } from './upload-client.ts'
import { WhoamiAnswer } from './user-schemas.ts'

interface ImageKey {
  namespace: Namespace
  name: ImageName
}

/** Typed client of the tracker's HTTP interface. Errors: those of HttpClient. */
export class TrackerClient {
  readonly #http: HttpClient
  readonly #init: HttpClientInit
  /** Other trackers of the site, by origin. */
  readonly #others = new Map<string, HttpClient>()
  /** The part of the interface that comes from Repoman. */
  readonly repoman: RepomanClient
  readonly namespaces: NamespaceClient
  /** Images: finding, describing, renaming. */
  readonly images: ImageClient
  /** ACLs, chains of records, signatures. */
  readonly signed: SignedClient
  /** What happened, and what users own. */
  readonly accounting: AccountingClient
  /** Images at nodes before anybody boots them. */
  readonly placements: PlacementClient
  /** What machines read while they boot. */
  readonly profiles: ProfileClient

  constructor(init: HttpClientInit) {
    this.#http = new HttpClient(init)
    this.#init = init
    this.repoman = new RepomanClient({ http: this.#http })
    this.namespaces = new NamespaceClient({ http: this.#http })
    this.images = new ImageClient({ http: this.#http })
    this.signed = new SignedClient({ http: this.#http })
    this.accounting = new AccountingClient({ http: this.#http })
    this.placements = new PlacementClient({ http: this.#http })
    this.profiles = new ProfileClient({ http: this.#http })
  }

  /** Waits for what runs, then closes the connections. */
  async close(): Promise<void> {
    for (const http of [this.#http, ...this.#others.values()]) await http.close()
  }

  /** Resolves when the tracker has answered; the connection stays open for what is asked next. */
  async reach(options: CallOptions = {}): Promise<void> {
    await this.#http.empty(get(TRACKER_PATHS.live, options))
  }

  async whoami(options: CallOptions = {}): Promise<WhoamiAnswer> {
    return await this.#http.json(get(TRACKER_PATHS.whoami, options), WhoamiAnswer)
  }

  async listImages(options: CallOptions = {}): Promise<ImageObject[]> {
    return await this.images.list({}, options)
  }

  async getImage(namespace: Namespace, name: ImageName, options: CallOptions = {}): Promise<ImageObject> {
    return await this.images.get({ namespace, name }, options)
  }

  /** Makes an image without versions; a push does so by itself. */
  async createImage(image: ImageKey, options: CallOptions = {}): Promise<ImageObject> {
    return await this.images.create(image, {}, options)
  }

  async removeImage(namespace: Namespace, name: ImageName, options: CallOptions = {}): Promise<void> {
    await this.images.remove({ namespace, name }, options)
  }

  async removeVersion(version: ImageKey & { version: number }, options: CallOptions = {}): Promise<void> {
    await this.#delete(fillPath(TRACKER_PATHS.version, version), options)
  }

  async setTag(init: ImageKey & { tag: Tag; version: number }, options: CallOptions = {}): Promise<void> {
    const path = fillPath(TRACKER_PATHS.tag, init)
    await this.#http.empty({ ...post(path, { version: init.version }, options), method: 'PUT' })
  }

  async removeTag(tag: ImageKey & { tag: Tag }, options: CallOptions = {}): Promise<void> {
    await this.#delete(fillPath(TRACKER_PATHS.tag, tag), options)
  }

  /** The signed record of a version, a compact JWS. The caller verifies it. */
  async record(reference: Reference, options: CallOptions = {}): Promise<string> {
    const request = get(fillPath(TRACKER_PATHS.record, reference), options)
    const answer = await this.#http.json({ ...request, query: versionQuery(reference) }, RecordAnswer)
    return answer.record
  }

  /** Opens an upload into an image, which is made where it does not exist. */
  async openUpload(namespace: Namespace, name: ImageName, options: CallOptions = {}): Promise<UploadClient> {
    const path = fillPath(TRACKER_PATHS.imageUploads, { namespace, name })
    const answer = await this.#http.json(post(path, {}, options), UploadAnswer)
    return new UploadClient({ http: this.#at(answer.url) }, { id: answer.upload })
  }

  /** Bytes `start` (0) to `end` (exclusive; the image's size) of an image, as they arrive. */
  async raw(
    reference: Reference,
    range: { start?: number; end?: number } = {},
    options: CallOptions = {},
  ): Promise<AsyncIterable<Uint8Array>> {
    const { start, end } = range
    const headers: Record<string, string> = {}
    if (start !== undefined || end !== undefined) {
      headers['range'] = `bytes=${start ?? 0}-${end === undefined ? '' : end - 1}`
    }
    const path = fillPath(TRACKER_PATHS.raw, reference)
    const request: HttpRequest = { ...get(path, options), query: versionQuery(reference), headers }
    return this.#http.pieces(await this.#http.send(request), request)
  }

  /** Enters the swarm of an image: record, grant and handout in one answer. */
  async join(body: JoinBody, options: CallOptions = {}): Promise<JoinAnswer> {
    return await this.#http.json(post(TRACKER_PATHS.join, body, options), JoinAnswer)
  }

  /** Says what this node holds, of all swarms at once; each is answered by itself, refusals too. */
  async announce(body: AnnounceBody, options: CallOptions = {}): Promise<AnnounceAnswer> {
    return await this.#http.json(post(TRACKER_PATHS.announce, body, options), AnnounceAnswer)
  }

  /** Leaves some swarms, or all. */
  async leave(body: LeaveBody, options: CallOptions = {}): Promise<void> {
    await this.#http.empty(post(TRACKER_PATHS.leave, body, options))
  }

  /** Other images with blocks of a manifest, and peers that have them. */
  async related(body: RelatedBody, options: CallOptions = {}): Promise<RelatedAnswer> {
    return await this.#http.json(post(TRACKER_PATHS.related, body, options), RelatedAnswer)
  }

  /** Swarms in the order of their manifests. */
  async swarms(query: SwarmsQuery = {}, options: CallOptions = {}): Promise<SwarmView[]> {
    return await this.#http.json({ ...get(TRACKER_PATHS.swarms, options), query }, SwarmViews)
  }

  /** One swarm, and those of its peers that the asker may know. */
  async swarm(
    manifest: ManifestId,
    query: SwarmPeersQuery = {},
    options: CallOptions = {},
  ): Promise<SwarmPeersView> {
    const path = fillPath(TRACKER_PATHS.swarm, { manifest })
    return await this.#http.json({ ...get(path, options), query }, SwarmPeersView)
  }

  /** Says who this node is; answered with a pass when it is active. */
  async enrol(body: EnrolBody, options: CallOptions = {}): Promise<EnrolAnswer> {
    return await this.#http.json(post(TRACKER_PATHS.nodes, body, options), EnrolAnswer)
  }

  /** A fresh pass for this node. */
  async pass(body: { peer: PeerKey }, options: CallOptions = {}): Promise<PassAnswer> {
    return await this.#http.json(post(TRACKER_PATHS.pass, body, options), PassAnswer)
  }

  /** Nodes in the order of their names. */
  async nodes(query: NodesQuery = {}, options: CallOptions = {}): Promise<NodeView[]> {
    return await this.#http.json({ ...get(TRACKER_PATHS.nodes, options), query }, NodeViews)
  }

  async node(node: string, options: CallOptions = {}): Promise<NodeView> {
    return await this.#http.json(get(fillPath(TRACKER_PATHS.node, { node }), options), NodeView)
  }

  /** Approves or revokes a node, or sets its labels. For admins. */
  async changeNode(node: string, change: ChangeNodeBody, options: CallOptions = {}): Promise<NodeView> {
    return await this.#http.json(post(fillPath(TRACKER_PATHS.node, { node }), change, options), NodeView)
  }

  async removeNode(node: string, options: CallOptions = {}): Promise<void> {
    await this.#delete(fillPath(TRACKER_PATHS.node, { node }), options)
  }

  /** Forgets expired uploads and frees what no version and no upload needs. For admins. */
  async gc(options: CallOptions = {}): Promise<GcAnswer> {
    const request = post(TRACKER_PATHS.gc, {}, options)
    return await this.#http.json({ ...request, answerTimeoutMs: API_LONG_ANSWER_TIMEOUT_MS }, GcAnswer)
  }

  /** What the tracker counts, in the text format of Prometheus. */
  async metrics(options: CallOptions = {}): Promise<string> {
    return Buffer.from(await this.#http.bytes(get(TRACKER_PATHS.metrics, options))).toString('utf8')
  }

  /** The tracker itself, or another that answers by the same name: it must have the certificate of the site all the same. */
  #at(url: string | undefined): HttpClient {
    if (url === undefined || new URL(url).origin === this.#http.url) return this.#http
    const known = this.#others.get(url)
    if (known !== undefined) return known
    const name = this.#init.name ?? new URL(this.#init.url).hostname
    const http = new HttpClient({ ...this.#init, url, name })
    this.#others.set(url, http)
    return http
  }

  async #delete(path: string, options: CallOptions): Promise<void> {
    await this.#http.empty({ method: 'DELETE', path, signal: options.signal })
  }
}

function get(path: string, options: CallOptions): HttpRequest {
  return { method: 'GET', path, signal: options.signal }
}

function post(path: string, json: unknown, options: CallOptions): HttpRequest {
  return { method: 'POST', path, json, signal: options.signal }
}

function versionQuery(reference: Reference): HttpRequest['query'] & object {
  const { tag, version, manifest } = reference
  return { tag, version, manifest }
}
