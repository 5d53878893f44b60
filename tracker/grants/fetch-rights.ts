import { covers } from '../../src/core/acl.ts'
import type { ManifestId } from '../../src/core/cid.ts'
import type { Clock } from '../../src/core/clock.ts'
import { checkDelegation, DELEGATION_TYPE, parseDelegation } from '../../src/core/delegation.ts'
import { BootswarmError, NotAuthorisedError } from '../../src/core/errors.ts'
import type { Grant } from '../../src/core/grant.ts'
import { verifyStatement } from '../../src/identity/jws.ts'
import type { Trust } from '../../src/identity/trust.ts'
import type { Asker, NodeAsker, UserAsker } from '../access/asker.ts'
import type { Askers } from '../access/askers.ts'
import type { ImageKey, StoredImage, StoredVersion } from '../catalog/image-rows.ts'
import { imagesWith, type ReadableComponents, readableVersions } from './readable.ts'

export interface FetchRightsComponents extends ReadableComponents {
  readonly askers: Pick<Askers, 'known' | 'userNamed' | 'nodeNamed'>
  readonly trust: Trust
  readonly clock: Clock
}

/** By whose right a node fetches: `user` is left out where it is its own. */
export interface FetchRight {
  readonly user?: string
}

const LEND =
  'The owner of the image can allow it. Whoever may read it can lend the node that right: the same command with --delegate (image pull, disk attach).'

/** What nodes may fetch: what they may read themselves, and what a user who may read it has delegated to them. */
export class FetchRights {
  readonly #c: FetchRightsComponents
  readonly #audience: ReadonlySet<string>

  /** `audience`: names of the tracker, for one of which a delegation must be. */
  constructor(components: FetchRightsComponents, init: { audience: ReadonlySet<string> }) {
    this.#c = components
    this.#audience = init.audience
  }

  /**
   * The right to an image. Errors: NotFoundError, NotAuthorisedError; what is wrong with a delegation that was shown:
   * GrantError, SignatureError, CertificateError.
   */
  async image(
    node: NodeAsker,
    key: ImageKey,
    delegation?: string,
  ): Promise<{ image: StoredImage; right: FetchRight }> {
    const image = await this.#c.catalog.images.get(key)
    if (covers(await this.#c.access.rightTo(node, image), 'read')) return { image, right: {} }
    if (delegation === undefined) {
      throw new NotAuthorisedError(`the node ${node.name} may not read ${image.namespace}/${image.name}`, {
        data: { advice: LEND },
      })
    }
    const user = await this.#delegating(node, image, delegation)
    if (covers(await this.#c.access.rightTo(user, image), 'read'))
      return { image, right: { user: user.name } }
    throw new NotAuthorisedError(`${user.name} may not read ${image.namespace}/${image.name}`)
  }

  /**
   * A version with this manifest that the node may fetch, and by whose right. One error for a manifest that is nowhere and for one
   * that the node may not have: NotAuthorisedError.
   */
  async manifest(
    node: NodeAsker,
    manifest: ManifestId,
    delegation?: string,
  ): Promise<{ version: StoredVersion; right: FetchRight }> {
    for (const version of await imagesWith(this.#c, manifest)) {
      const found = await this.#orRefused(() => this.image(node, version, delegation))
      if (found !== undefined) return { version, right: found.right }
    }
    throw new NotAuthorisedError(`there is no image with this manifest that the node ${node.name} may fetch`)
  }

  /** Whether a grant would be given again now, but for the end of a delegation. */
  async stands(grant: Pick<Grant, 'sub' | 'peer' | 'user' | 'manifest'>): Promise<boolean> {
    const { askers } = this.#c
    const node = await askers.nodeNamed(grant.sub)
    if (node?.kind !== 'node' || node.peer !== grant.peer) return false
    const asker = grant.user === undefined ? node : await askers.userNamed(grant.user)
    if (asker === undefined || asker.kind === 'anonymous') return false
    return (await this.readable(asker, grant.manifest)).length > 0
  }

  /** Versions with this manifest that the asker may read, one of each image. */
  async readable(asker: Asker, manifest: ManifestId): Promise<StoredVersion[]> {
    return await readableVersions(this.#c, asker, manifest)
  }

  /** The user behind a delegation, as it is now: certificate or proxy, state and groups. */
  async #delegating(node: NodeAsker, image: ImageKey, token: string): Promise<UserAsker> {
    const nowMs = this.#c.clock.now()
    const { trust, askers } = this.#c
    const { claims, principal } = await verifyStatement(token, { trust, typ: DELEGATION_TYPE, nowMs })
    const use = { node: node.dn, image, audience: this.#audience, nowMs }
    checkDelegation(parseDelegation(claims), use)
    const user = await askers.known(principal)
    if (user?.kind === 'user') return user
    throw new NotAuthorisedError(
      user?.kind === 'anonymous'
        ? user.reason
        : `${principal.dn} is no user of this tracker and cannot delegate`,
    )
  }

  /** Undefined where it is refused. */
  async #orRefused<T>(ask: () => Promise<T>): Promise<T | undefined> {
    try {
      return await ask()
    } catch (error) {
      if (error instanceof BootswarmError && REFUSALS.has(error.code)) return undefined
      throw error
    }
  }
}

const REFUSALS: ReadonlySet<string> = new Set([
  'E_NOT_AUTHORISED',
  'E_NOT_FOUND',
  'E_GRANT',
  'E_SIGNATURE',
  'E_CERTIFICATE',
  'E_INVALID',
])
