import type { X509Certificate } from 'node:crypto'
import { CertificateError } from '../core/errors.ts'
import { type Identity, type IdentityInit, type OwnFiles, readOwn } from './identity-files.ts'
import type { Principal } from './path-validation.ts'
import { Trust } from './trust.ts'
import { stampOfFiles } from './trust-files.ts'

/** The identity of a program that runs for long: its files and those of its authorities are read again in place. */
export class LiveIdentity implements Identity {
  readonly trust: Trust
  readonly #init: IdentityInit
  #own: OwnFiles
  #stamp: string

  private constructor(init: { trust: Trust; files: IdentityInit; own: OwnFiles; stamp: string }) {
    this.trust = init.trust
    this.#init = init.files
    this.#own = init.own
    this.#stamp = init.stamp
  }

  /** Errors: as `loadIdentity`. */
  static async load(files: IdentityInit): Promise<LiveIdentity> {
    const trust = await Trust.load(files)
    // Taken first: what changes while the files are read is then seen as a change.
    const stamp = await stampOfFiles([files.certificate, files.key])
    return new LiveIdentity({ trust, files, own: await readOwn(files, trust), stamp })
  }

  get certificatePem(): string {
    return this.#own.certificatePem
  }

  get keyPem(): string {
    return this.#own.keyPem
  }

  get chain(): readonly X509Certificate[] {
    return this.#own.chain
  }

  get principal(): Principal {
    return this.#own.principal
  }

  /**
   * Reads what has changed, or everything when told so; returns whether something was read. Throws CertificateError or an error
   * of the file system: then what could not be read stays as it was, and the next call tries again.
   */
  async refresh(options: { evenIfUnchanged?: boolean } = {}): Promise<boolean> {
    const trusted = await this.trust.refresh(options)
    const stamp = await stampOfFiles([this.#init.certificate, this.#init.key])
    if (stamp === this.#stamp && options.evenIfUnchanged !== true) return trusted
    const own = await readOwn(this.#init, this.trust)
    if (own.principal.dn !== this.principal.dn) {
      const what = `certificate file ${this.#init.certificate} is now for ${own.principal.dn}`
      throw new CertificateError(`${what} and not for ${this.principal.dn}; restart to become somebody else`)
    }
    this.#own = own
    this.#stamp = stamp
    return true
  }
}

/** What a client connects with, as it is at that time. */
export function livePems(identity: Identity) {
  return {
    certificatePem: () => identity.certificatePem,
    keyPem: () => identity.keyPem,
    caPem: () => identity.trust.pem,
  }
}
