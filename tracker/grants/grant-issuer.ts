import type { ManifestId } from '../../src/core/cid.ts'
import type { Clock } from '../../src/core/clock.ts'
import { GRANT_TYPE, type Grant } from '../../src/core/grant.ts'
import type { PeerKey } from '../../src/core/router.ts'

/** Signs claims as a compact JWS in the tracker's name. */
export type Signer = (claims: Record<string, unknown>, options: { typ: string }) => Promise<string>

export interface IssuedGrant {
  readonly token: string
  /** When the holder should ask again: a third of the life before the end. */
  readonly renewAfterSeconds: number
}

interface Cached {
  readonly token: Promise<string>
  readonly exp: number
}

/** Grants that are kept: every node of the largest site in one swarm. About 4 KB each. */
const GRANTS_MAX = 10_000

/**
 * Signs grants. A grant that has more than half of its life left is given again, so that a node which asks every few
 * seconds costs one signature in minutes.
 */
export class GrantIssuer {
  readonly #sign: Signer
  readonly #clock: Clock
  readonly #lifetimeS: number
  readonly #onIssued: () => void
  /** In the order of issue, oldest first. */
  readonly #cache = new Map<string, Cached>()

  constructor(
    components: { sign: Signer; clock: Clock },
    init: { lifetimeSeconds: number; onIssued?: () => void },
  ) {
    this.#sign = components.sign
    this.#clock = components.clock
    this.#lifetimeS = init.lifetimeSeconds
    this.#onIssued = init.onIssued ?? (() => {})
  }

  async issue(use: { sub: string; peer: PeerKey; manifest: ManifestId }): Promise<IssuedGrant> {
    const key = `${use.manifest} ${use.peer} ${use.sub}`
    const nowS = Math.floor(this.#clock.now() / 1000)
    const known = this.#cache.get(key)
    const grant =
      known !== undefined && known.exp - nowS > this.#lifetimeS / 2 ? known : this.#make(key, use, nowS)
    const token = await grant.token
    return { token, renewAfterSeconds: Math.max(1, grant.exp - nowS - Math.floor(this.#lifetimeS / 3)) }
  }

  #make(key: string, use: Pick<Grant, 'sub' | 'peer' | 'manifest'>, nowS: number): Cached {
    const claims: Grant = { ...use, iat: nowS, exp: nowS + this.#lifetimeS }
    const token = this.#sign({ ...claims }, { typ: GRANT_TYPE })
    const made = { token, exp: claims.exp }
    this.#cache.delete(key)
    this.#cache.set(key, made)
    token.then(this.#onIssued, () => this.#cache.delete(key))
    this.#dropOld(nowS)
    return made
  }

  #dropOld(nowS: number): void {
    for (const [key, { exp }] of this.#cache) {
      if (exp > nowS && this.#cache.size <= GRANTS_MAX) return
      this.#cache.delete(key)
    }
  }
}
