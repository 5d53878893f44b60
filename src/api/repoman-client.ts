import { type Static, Type } from '@sinclair/typebox'
import type { CallOptions } from '../core/blockstore.ts'
import type { HttpClient } from './http-client.ts'
import { fillPath, TRACKER_PATHS } from './tracker-paths.ts'

/** An object as Repoman's interface gives it: the fields that are named here, and whatever else the tracker says. */
const Urls = Type.Array(Type.String())
const OptionalText = Type.Optional(Type.Union([Type.String(), Type.Null()]))
const OptionalCount = Type.Optional(Type.Union([Type.Number(), Type.Null()]))
export const RepomanUser = Type.Object({
  user_name: Type.String(),
  full_name: Type.Union([Type.String(), Type.Null()]),
  groups: Urls,
  images: Urls,
  /** Left out or null for who may not see them. */
  client_dn: OptionalText,
  email: OptionalText,
  state: OptionalText,
  quota_bytes: OptionalCount,
  quota_images: OptionalCount,
})
export const RepomanGroup = Type.Object({ name: Type.String(), permissions: Urls, users: Urls })
export const RepomanImage = Type.Object({
  name: Type.String(),
  owner: Type.Union([Type.String(), Type.Null()]),
  size: Type.Union([Type.Number(), Type.Null()]),
  modified: Type.Union([Type.String(), Type.Null()]),
  description: Type.Union([Type.String(), Type.Null()]),
  http_file_url: Type.Union([Type.String(), Type.Null()]),
  file_url: Type.Union([Type.String(), Type.Null()]),
})

export type RepomanUser = Static<typeof RepomanUser>
export type RepomanGroup = Static<typeof RepomanGroup>
export type RepomanImage = Static<typeof RepomanImage>

/** Fields of a request, as Repoman's clients name them. */
export type RepomanFields = Readonly<Record<string, string | boolean>>

/** An image of a user; of the asker where no owner is given. */
export interface RepomanImageKey {
  readonly owner: string | undefined
  readonly image: string
}

type Subject = { readonly user: string } | { readonly group: string }

/** The part of the tracker's interface that it has from Repoman, by the names that Repoman's users know. Errors: those of HttpClient. */
export class RepomanClient {
  readonly #http: HttpClient

  constructor(components: { http: HttpClient }) {
    this.#http = components.http
  }

  async whoami(options: CallOptions = {}): Promise<RepomanUser> {
    return await this.#http.json({ ...options, method: 'GET', path: TRACKER_PATHS.whoami }, RepomanUser)
  }

  async user(user: string, options: CallOptions = {}): Promise<RepomanUser> {
    return await this.#http.json(
      { ...options, method: 'GET', path: fillPath(TRACKER_PATHS.user, { user }) },
      RepomanUser,
    )
  }

  async group(group: string, options: CallOptions = {}): Promise<RepomanGroup> {
    const path = fillPath(TRACKER_PATHS.group, { group })
    return await this.#http.json({ ...options, method: 'GET', path }, RepomanGroup)
  }

  async image(key: RepomanImageKey, options: CallOptions = {}): Promise<RepomanImage> {
    return await this.#http.json({ ...options, method: 'GET', path: imagePath(key) }, RepomanImage)
  }

  /** Addresses of things; their last part is the name, the one before it the owner of an image. */
  async urls(path: string, options: CallOptions = {}): Promise<string[]> {
    return await this.#http.json({ ...options, method: 'GET', path }, Urls)
  }

  async createUser(fields: RepomanFields, options: CallOptions = {}): Promise<void> {
    await this.#post(TRACKER_PATHS.users, fields, options)
  }

  async createGroup(fields: RepomanFields, options: CallOptions = {}): Promise<void> {
    await this.#post(TRACKER_PATHS.groups, fields, options)
  }

  async createImage(fields: RepomanFields, options: CallOptions = {}): Promise<void> {
    await this.#post(TRACKER_PATHS.images, fields, options)
  }

  async modifyUser(user: string, fields: RepomanFields, options: CallOptions = {}): Promise<void> {
    await this.#post(fillPath(TRACKER_PATHS.user, { user }), fields, options)
  }

  async modifyGroup(group: string, fields: RepomanFields, options: CallOptions = {}): Promise<void> {
    await this.#post(fillPath(TRACKER_PATHS.group, { group }), fields, options)
  }

  async modifyImage(key: RepomanImageKey, fields: RepomanFields, options: CallOptions = {}): Promise<void> {
    await this.#post(imagePath(key), fields, options)
  }

  async removeUser(user: string, options: CallOptions = {}): Promise<void> {
    await this.#delete(fillPath(TRACKER_PATHS.user, { user }), options)
  }

  async removeGroup(group: string, options: CallOptions = {}): Promise<void> {
    await this.#delete(fillPath(TRACKER_PATHS.group, { group }), options)
  }

  async removeImage(key: RepomanImageKey, options: CallOptions = {}): Promise<void> {
    await this.#delete(imagePath(key), options)
  }

  async share(key: RepomanImageKey, subject: Subject, options: CallOptions = {}): Promise<void> {
    await this.#post(sharePath(key, subject), {}, options)
  }

  async unshare(key: RepomanImageKey, subject: Subject, options: CallOptions = {}): Promise<void> {
    await this.#delete(sharePath(key, subject), options)
  }

  async addUser(group: string, user: string, options: CallOptions = {}): Promise<void> {
    await this.#post(fillPath(TRACKER_PATHS.groupUser, { group, user }), {}, options)
  }

  async removeUserFrom(group: string, user: string, options: CallOptions = {}): Promise<void> {
    await this.#delete(fillPath(TRACKER_PATHS.groupUser, { group, user }), options)
  }

  async addPermission(group: string, permission: string, options: CallOptions = {}): Promise<void> {
    await this.#post(fillPath(TRACKER_PATHS.groupPermission, { group, permission }), {}, options)
  }

  async removePermission(group: string, permission: string, options: CallOptions = {}): Promise<void> {
    await this.#delete(fillPath(TRACKER_PATHS.groupPermission, { group, permission }), options)
  }

  async #post(path: string, json: RepomanFields, options: CallOptions): Promise<void> {
    await this.#http.empty({ ...options, method: 'POST', path, json })
  }

  async #delete(path: string, options: CallOptions): Promise<void> {
    await this.#http.empty({ ...options, method: 'DELETE', path })
  }
}

function imagePath({ owner, image }: RepomanImageKey): string {
  return owner === undefined
    ? fillPath(TRACKER_PATHS.ownImage, { image })
    : fillPath(TRACKER_PATHS.image, { namespace: owner, name: image })
}

function sharePath(key: RepomanImageKey, subject: Subject): string {
  return `${imagePath(key)}/share/${'user' in subject ? `user/${encodeURIComponent(subject.user)}` : `group/${encodeURIComponent(subject.group)}`}`
}
