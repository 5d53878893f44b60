import type { Clock } from '../../src/core/clock.ts'

/** Signs claims as a compact JWS in the tracker's name. */
export type Signer = (claims: Record<string, unknown>, options: { typ: string }) => Promise<string>

/** What was signed. */
export interface Issued {
  readonly token: string
  /** When the holder should ask again: a third of the life before the end. */
  readonly renewAfterSeconds: number
}

interface Cached<Use> {
  readonly use: Use
  readonly token: Promise<string>
  readonly exp: number
}

export interface ShortLivedInit {
  /** `typ` header. */
  readonly typ: string
  readonly lifetimeSeconds: number
  readonly onIssued?: (() => void) | undefined
}

/** Statements that are kept: every node of the largest site in one swarm. About 4 KB each. */
const KEPT_MAX = 10_000

/**
 * Signs statements that end soon. One that has more than half of its life left is given again, so that a node which
 * asks every few seconds costs one signature in minutes.
 */
export class ShortLived<Use extends object> {
  readonly #sign: Signer
  readonly #clock: Clock
  readonly #init: ShortLivedInit
  /** In the order of issue, oldest first. */
  readonly #cache = new Map<string, Cached<Use>>()

  constructor(components: { sign: Signer; clock: Clock }, init: ShortLivedInit) {
    this.#sign = components.sign
    this.#clock = components.clock
    this.#init = init
  }

  /** The statement that `use` holds from now on for the lifetime. */
  async issue(use: Use): Promise<Issued> {
    const key = JSON.stringify(use)
    const nowS = Math.floor(this.#clock.now() / 1000)
    const { lifetimeSeconds } = this.#init
    const known = this.#cache.get(key)
    const fresh = known !== undefined && known.exp - nowS > lifetimeSeconds / 2
    const { token, exp } = fresh ? known : this.#make(key, use, nowS)
    const renewAfterSeconds = Math.max(1, exp - nowS - Math.floor(lifetimeSeconds / 3))
    return { token: await token, renewAfterSeconds }
  }

  /** Forgets statements that must not be given again. */
  purge(isOver: (use: Use) => boolean): void {
    for (const [key, { use }] of this.#cache) if (isOver(use)) this.#cache.delete(key)
  }

  #make(key: string, use: Use, nowS: number): Cached<Use> {
    const { typ, lifetimeSeconds, onIssued } = this.#init
    const exp = nowS + lifetimeSeconds
    const token = this.#sign({ ...use, iat: nowS, exp }, { typ })
    const made = { use, token, exp }
    this.#cache.delete(key)
    this.#cache.set(key, made)
    token.then(onIssued, () => this.#cache.delete(key))
    this.#dropOld(nowS)
    return made
  }

  #dropOld(nowS: number): void {
    for (const [key, { exp }] of this.#cache) {
      if (exp > nowS && this.#cache.size <= KEPT_MAX) return
      this.#cache.delete(key)
    }
  }
}
