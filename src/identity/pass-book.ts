import { createHash } from 'node:crypto'
import type { HolderAdmission } from '../core/admission.ts'
import type { Clock } from '../core/clock.ts'
import { BootswarmError, GrantError } from '../core/errors.ts'
import { JWS_BYTES_MAX, PASSES_REMEMBERED_MAX } from '../core/limits.ts'
import { checkPass, type Pass } from '../core/pass.ts'
import type { PeerKey } from '../core/router.ts'

export interface PassBookComponents {
  readonly clock: Clock
  /** Checks the signature of a pass and reads it. Errors: SignatureError, CertificateError, GrantError. */
  verify(token: string): Promise<Pass>
  /** Seconds that an expired pass still counts for; 0 while the tracker can be asked. */
  graceS(): number
}

interface Known {
  readonly pass: Pass
  /** Digest of the token: the same one shown again is not verified again. */
  readonly digest: string
}

/** The passes that peers have shown, each verified once, and this peer's own. */
export class PassBook implements HolderAdmission {
  readonly #components: PassBookComponents
  /** By peer, the longest unseen first. */
  readonly #known = new Map<PeerKey, Known>()
  /** Passes issued up to then, in seconds since the epoch, count for nothing any more. */
  readonly #dismissed = new Map<PeerKey, number>()
  readonly #listeners = new Set<(own: string | undefined) => void>()
  #own: string | undefined
  #refused = 0

  constructor(components: PassBookComponents) {
    this.#components = components
  }

  /** Passes that were refused since the start. */
  get refused(): number {
    return this.#refused
  }

  own(): string | undefined {
    return this.#own
  }

  /** Another pass of this peer, or none. */
  setOwn(token: string | undefined): void {
    if (token === this.#own) return
    this.#own = token
    for (const changed of this.#listeners) changed(token)
  }

  listen(changed: (own: string | undefined) => void): () => void {
    this.#listeners.add(changed)
    return () => void this.#listeners.delete(changed)
  }

  async admit(peer: PeerKey, token: string): Promise<Pass> {
    try {
      return await this.#admit(peer, token)
    } catch (error) {
      if (error instanceof BootswarmError) this.#refused++
      throw error
    }
  }

  async admitHolder(dn: string, token: string): Promise<Pass> {
    try {
      if (token.length > JWS_BYTES_MAX) throw new GrantError('pass is too long')
      const pass = await this.#components.verify(token)
      // Before anything is remembered: a pass is no secret, and whoever shows that of another is nobody.
      if (pass.sub !== dn) throw new GrantError('pass is for another certificate')
      this.#check(pass, pass.peer)
      this.#remember(pass.peer, { pass, digest: digestOfToken(token) })
      return pass
    } catch (error) {
      if (error instanceof BootswarmError) this.#refused++
      throw error
    }
  }

  of(peer: PeerKey): Pass | undefined {
    const known = this.#known.get(peer)
    if (known === undefined) return undefined
    try {
      this.#check(known.pass, peer)
      return known.pass
    } catch (error) {
      if (error instanceof GrantError) return undefined
      throw error
    }
  }

  /** From now on this peer needs a pass that is issued later: it was revoked, or has another name or key. */
  dismiss(peer: PeerKey): void {
    this.#known.delete(peer)
    this.#dismissed.set(peer, Math.floor(this.#components.clock.now() / 1000))
  }

  async #admit(peer: PeerKey, token: string): Promise<Pass> {
    if (token.length > JWS_BYTES_MAX) throw new GrantError('pass is too long')
    const digest = digestOfToken(token)
    const known = this.#known.get(peer)
    const pass = known?.digest === digest ? known.pass : await this.#components.verify(token)
    this.#check(pass, peer)
    this.#remember(peer, { pass, digest })
    return pass
  }

  #check(pass: Pass, peer: PeerKey): void {
    const { clock, graceS } = this.#components
    checkPass(pass, { peer, nowMs: clock.now(), graceS: graceS() })
    if (pass.iat <= (this.#dismissed.get(peer) ?? Number.NEGATIVE_INFINITY))
      throw new GrantError('pass was withdrawn')
  }

  /** An older pass, shown late, does not replace a newer one. */
  #remember(peer: PeerKey, entry: Known): void {
    const before = this.#known.get(peer)
    this.#known.delete(peer)
    this.#known.set(peer, before !== undefined && before.pass.exp > entry.pass.exp ? before : entry)
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= PASSES_REMEMBERED_MAX) return
      this.#known.delete(oldest)
    }
  }
}

function digestOfToken(token: string): string {
  return createHash('sha256').update(token).digest('base64')
}
