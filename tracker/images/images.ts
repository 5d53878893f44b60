import type { AclEntry } from '../../src/core/acl.ts'
import type { Clock } from '../../src/core/clock.ts'
import { ConflictError, InvalidError, NotFoundError, StateError } from '../../src/core/errors.ts'
import type { GivenFields } from '../../src/core/metadata.ts'
import { parseMetadata } from '../../src/core/metadata-values.ts'
import { USERS_GROUP } from '../../src/core/permission.ts'
import { type Namespace, parseImageName } from '../../src/core/reference.ts'
import { IMAGE_RENAME_ATTEMPTS } from '../../src/core/registry-limits.ts'
import { retry } from '../../src/util/retry.ts'
import type { Access } from '../access/access.ts'
import type { Asker, UserAsker } from '../access/asker.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { ImageEdit } from '../catalog/image-changes.ts'
import type { ImageKey, StoredImage } from '../catalog/image-rows.ts'
import type { NewImage } from '../catalog/new-images.ts'
import { ensureNamespace, placeImage } from './placement.ts'

export interface ImagesComponents {
  readonly catalog: Catalog
  readonly access: Access
  readonly clock: Clock
}

/** Fields of a request, as a form or JSON has them. */
export type Given = Readonly<Record<string, unknown>>

/** Fields that give rights or take the image to another name: more than writing. */
const ADMINS_FIELDS = ['name', 'namespace', 'owner', 'unauthenticated_access', 'access'] as const
const ANYONE: AclEntry = { kind: 'anyone', subject: '', right: 'read' }
const EVERY_USER: AclEntry = { kind: 'group', subject: USERS_GROUP, right: 'read' }

/** Slots, and changes of images: who may, and what follows from it. Every method answers for the whole request. */
export class Images {
  readonly #c: ImagesComponents

  constructor(components: ImagesComponents) {
    this.#c = components
  }

  /** Makes a slot. Errors: InvalidError, NotAuthorisedError, ConflictError, LimitError, QuotaError. */
  async create(asker: Asker, given: Given): Promise<StoredImage> {
    const user = this.#c.access.permission(asker, 'image_create')
    const { fields, properties } = parseMetadata(given, { unknown: 'refuse' })
    if (fields.name === undefined) throw new InvalidError('name is missing', { data: { field: 'name' } })
    if (fields.state === 'available')
      throw new StateError('an image without bytes is locked: leave the state out')
    const name = parseImageName(fields.name)
    await this.#checkUserName(given)
    const from = { namespace: user.name as Namespace, owner: user }
    const { namespace, owner = user } = await placeImage(this.#c, fields, { user, from })
    const { grants } = entriesOf(fields)
    const image = { namespace, name }
    if (await this.#make(user, image, { owner, change: { fields, properties }, entries: grants }))
      return await this.#c.catalog.images.get(image)
    throw new ConflictError(`the image ${namespace}/${name} exists`)
  }

  /** The image that somebody wants to upload into, made where it does not exist. Errors: those of `create`, StateError. */
  async forUpload(asker: Asker, image: ImageKey): Promise<StoredImage> {
    const { access, catalog } = this.#c
    const found = await this.#find(image)
    if (found !== undefined) {
      await access.image(asker, found, 'write')
      this.checkWritable(found)
      return found
    }
    const user = access.permission(asker, 'image_create')
    const from = { namespace: user.name as Namespace, owner: user }
    const { owner = user } = await placeImage(this.#c, { namespace: image.namespace }, { user, from })
    await this.#make(user, image, { owner })
    return await catalog.images.get(image)
  }

  /** Whether an image takes new bytes at all. Throws StateError when it is read only. */
  checkWritable({ namespace, name, readOnly }: StoredImage): void {
    if (readOnly) throw new StateError(`${namespace}/${name} is read only: unset read_only first`)
  }

  /** Changes what is given. Errors: InvalidError, NotAuthorisedError, NotFoundError, ConflictError, StateError, QuotaError. */
  async change(asker: Asker, key: ImageKey, given: Given): Promise<void> {
    const { access, catalog } = this.#c
    access.user(asker, { change: true })
    const { fields, properties } = parseMetadata(given, { unknown: 'refuse' })
    const name = fields.name === undefined ? key.name : parseImageName(fields.name)
    await this.#checkUserName(given)
    const image = await catalog.images.get(key)
    const right = ADMINS_FIELDS.some((field) => fields[field] !== undefined) ? 'admin' : 'write'
    const user = await access.changeOf(asker, image, { right, permission: 'image_modify' })
    if (Object.keys(fields).length + Object.keys(properties).length === 0) return
    await this.#checkClosing(image, fields)
    const edit = { fields, properties, ...entriesOf(fields) }
    const moves = fields.name !== undefined || fields.namespace !== undefined || fields.owner !== undefined
    if (moves) return await this.#move(user, image, { name, edit })
    await catalog.changes.change(image, edit, this.#by(user))
  }

  /** Removes an image with all its versions, or one version. Errors: NotFoundError, NotAuthorisedError, StateError. */
  async remove(asker: Asker, key: ImageKey, options: { version?: number | undefined } = {}): Promise<void> {
    const { access, catalog } = this.#c
    access.user(asker, { change: true })
    const { version } = options
    const image = await catalog.images.get(key)
    if (version === undefined) {
      const user = await access.changeOf(asker, image, { right: 'admin', permission: 'image_delete' })
      return await catalog.images.remove(key, this.#by(user))
    }
    const user = await access.changeOf(asker, image, { right: 'write', permission: 'image_delete' })
    await catalog.images.removeVersion(key, version, this.#by(user))
  }

  async #make(user: UserAsker, image: ImageKey, init: Omit<NewImage, 'author' | 'nowMs'>): Promise<boolean> {
    const { author, nowMs } = this.#by(user)
    await ensureNamespace(this.#c, image.namespace, { user, nowMs })
    return await this.#c.catalog.images.create(image, { ...init, author, nowMs })
  }

  async #move(
    user: UserAsker,
    image: StoredImage,
    { name, edit }: { name: ImageKey['name']; edit: ImageEdit },
  ): Promise<void> {
    const { catalog } = this.#c
    const { namespace, ownerId: id, ownerName } = image
    const from = { namespace, owner: id === null || ownerName === null ? undefined : { id, name: ownerName } }
    const moves = edit.fields.namespace !== undefined || edit.fields.owner !== undefined
    const place = moves ? await placeImage(this.#c, edit.fields, { user, from }) : from
    const to = { namespace: place.namespace, name }
    // What is a group's leaves it as that of whoever moves it.
    const owner = place.owner ?? (to.namespace === namespace ? undefined : user)
    const by = this.#by(user)
    await ensureNamespace(this.#c, to.namespace, { user, nowMs: by.nowMs })
    const once = async () => {
      const plan = await catalog.changes.planRename(image, to)
      await catalog.changes.rename({ image, to, owner, plan }, edit, by)
    }
    const when = (error: unknown) => error instanceof ConflictError && error.data['again'] === true
    await retry(once, { attempts: IMAGE_RENAME_ATTEMPTS, firstMs: 20, maxMs: 500, when })
  }

  /** Repoman's clients name the user in whose namespace the image is to be; ours any namespace, which may be new. */
  async #checkUserName(given: Given): Promise<void> {
    const name = given['user_name']
    if (
      typeof name !== 'string' ||
      (await this.#c.catalog.namespaces.holderOf(name as Namespace)) !== undefined
    )
      return
    throw new InvalidError(`there is no user ${name.slice(0, 80)}`, { data: { field: 'user_name' } })
  }

  /** What the namespace opens an image cannot close: nobody should believe that it does. */
  async #checkClosing({ namespace }: StoredImage, fields: GivenFields): Promise<void> {
    const { revokes } = entriesOf(fields)
    if (revokes.length === 0) return
    const { entries = [] } = (await this.#c.catalog.acls.ofNamespace(namespace)) ?? {}
    const still = entries.find((entry) => revokes.some((one) => isSubject(entry, one)))
    if (still === undefined) return
    const who = still.kind === 'anyone' ? 'anybody' : 'every user'
    throw new StateError(`the ACL of the namespace ${namespace} lets ${who} read: change that first`)
  }

  async #find(image: ImageKey): Promise<StoredImage | undefined> {
    try {
      return await this.#c.catalog.images.get(image)
    } catch (error) {
      if (error instanceof NotFoundError) return undefined
      throw error
    }
  }

  #by({ dn }: UserAsker): { author: string; nowMs: number } {
    return { author: dn, nowMs: this.#c.clock.now() }
  }
}

/** What `unauthenticated_access` and `access` do to the ACL. */
function entriesOf(fields: GivenFields): Required<Pick<ImageEdit, 'grants' | 'revokes'>> {
  const wanted: [AclEntry, boolean | undefined][] = [
    [ANYONE, fields.unauthenticated_access],
    [EVERY_USER, fields.access === undefined ? undefined : fields.access === 'public'],
  ]
  return {
    grants: wanted.flatMap(([entry, on]) => (on === true ? [entry] : [])),
    revokes: wanted.flatMap(([entry, on]) => (on === false ? [entry] : [])),
  }
}

function isSubject(entry: AclEntry, { kind, subject }: Omit<AclEntry, 'right'>): boolean {
  return entry.kind === kind && entry.subject === subject
}
