import type { CallOptions } from '../core/blockstore.ts'
import type { HttpClient, HttpRequest } from './http-client.ts'
import {
  type ChangePlacementBody,
  OrdersAnswer,
  type OrdersBody,
  type PlaceBody,
  PlacementView,
  PlacementViews,
  type PlaceView,
  PlaceViews,
} from './placement-schemas.ts'
import { fillPath, TRACKER_PATHS } from './tracker-paths.ts'

/** Images at nodes before anybody boots them. For admins, but `orders`. Errors: those of HttpClient. */
export class PlacementClient {
  readonly #http: HttpClient

  constructor(components: { http: HttpClient }) {
    this.#http = components.http
  }

  async place(body: PlaceBody, options: CallOptions = {}): Promise<PlacementView> {
    return await this.#http.json(post(TRACKER_PATHS.placements, body, options), PlacementView)
  }

  /** One page, the newest first. */
  async list(
    page: { before?: number; limit?: number } = {},
    options: CallOptions = {},
  ): Promise<PlacementView[]> {
    return await this.#http.json(get(TRACKER_PATHS.placements, page, options), PlacementViews)
  }

  async get(placement: number, options: CallOptions = {}): Promise<PlacementView> {
    return await this.#http.json(
      get(fillPath(TRACKER_PATHS.placement, { placement }), {}, options),
      PlacementView,
    )
  }

  /** One page of its nodes, in the order of their names. */
  async nodes(
    placement: number,
    page: { after?: string; limit?: number } = {},
    options: CallOptions = {},
  ): Promise<PlaceView[]> {
    return await this.#http.json(
      get(fillPath(TRACKER_PATHS.places, { placement }), page, options),
      PlaceViews,
    )
  }

  async change(
    placement: number,
    change: ChangePlacementBody,
    options: CallOptions = {},
  ): Promise<PlacementView> {
    const path = fillPath(TRACKER_PATHS.placement, { placement })
    return await this.#http.json(post(path, change, options), PlacementView)
  }

  /** For nodes: reports, answered with what to fetch now. */
  async orders(body: OrdersBody, options: CallOptions = {}): Promise<OrdersAnswer> {
    return await this.#http.json(post(TRACKER_PATHS.orders, body, options), OrdersAnswer)
  }
}

function get(path: string, query: NonNullable<HttpRequest['query']>, { signal }: CallOptions): HttpRequest {
  return { method: 'GET', path, query, signal }
}

function post(path: string, json: unknown, { signal }: CallOptions): HttpRequest {
  return { method: 'POST', path, json, signal }
}
