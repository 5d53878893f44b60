import type { CallOptions } from '../core/blockstore.ts'
import type { ImageName, Namespace } from '../core/reference.ts'
import type { HttpClient } from './http-client.ts'
import { FoundImages, FoundRows, ImageObject } from './image-schemas.ts'
import { fillPath, TRACKER_PATHS } from './tracker-paths.ts'

interface ImageKey {
  readonly namespace: Namespace
  readonly name: ImageName
}

/** Fields of an image by the names of docs/specs/registry-v1.md section 4; empty texts clear and remove. */
export type ImageFields = Readonly<Record<string, string | boolean | Readonly<Record<string, string>>>>

/** `q`, `sort`, `dir`, `limit`, `offset`, and `attribute=value` (docs/specs/query-v1.md). */
export type ImageSearch = Readonly<Record<string, string | number>>

/** Finds, describes, shares and renames images. Errors: those of HttpClient. */
export class ImageClient {
  readonly #http: HttpClient

  constructor(components: { http: HttpClient }) {
    this.#http = components.http
  }

  /** Every image that the asker may read and that the search finds, page by page; one page where `limit` is given. */
  async list(search: ImageSearch = {}, options: CallOptions = {}): Promise<ImageObject[]> {
    const path = TRACKER_PATHS.images
    const images: ImageObject[] = []
    let { offset } = search
    for (;;) {
      const query = { ...search, offset, view: 'objects' }
      const page = await this.#http.json({ ...options, method: 'GET', path, query }, FoundImages)
      images.push(...page.images)
      if (page.next === null || search['limit'] !== undefined) return images
      offset = page.next
    }
  }

  /** The fields that a query names, of the images that it finds: one page. */
  async rows(search: ImageSearch, options: CallOptions = {}): Promise<FoundRows> {
    const request = { ...options, method: 'GET', path: TRACKER_PATHS.images, query: search } as const
    return await this.#http.json(request, FoundRows)
  }

  async get({ namespace, name }: ImageKey, options: CallOptions = {}): Promise<ImageObject> {
    const path = fillPath(TRACKER_PATHS.image, { namespace, name })
    return await this.#http.json({ ...options, method: 'GET', path }, ImageObject)
  }

  /** Makes an image without bytes; a push does so by itself. */
  async create(
    { namespace, name }: ImageKey,
    fields: ImageFields = {},
    options: CallOptions = {},
  ): Promise<ImageObject> {
    const json = { ...fields, namespace, name }
    const path = TRACKER_PATHS.images
    return await this.#http.json({ ...options, method: 'POST', path, json }, ImageObject)
  }

  /** Changes what is given; `name`, `namespace` and `owner` give it another name or owner. */
  async change({ namespace, name }: ImageKey, fields: ImageFields, options: CallOptions = {}): Promise<void> {
    const path = fillPath(TRACKER_PATHS.image, { namespace, name })
    await this.#http.empty({ ...options, method: 'POST', path, json: fields })
  }

  /** Removes the image, or the one version of it. */
  async remove(
    { namespace, name, version }: ImageKey & { readonly version?: number },
    options: CallOptions = {},
  ): Promise<void> {
    const path = fillPath(TRACKER_PATHS.image, { namespace, name })
    await this.#http.empty({ ...options, method: 'DELETE', path, query: { version } })
  }
}
