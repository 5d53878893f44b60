import type { ProfileView } from '../../../src/api/profile-schemas.ts'
import type { CallOptions } from '../../../src/core/blockstore.ts'
import { type BootProfileStatement, type BootRead, checkBootProfile } from '../../../src/core/boot-profile.ts'
import type { DigestKey, ManifestId } from '../../../src/core/cid.ts'
import { CertificateError, InvalidError, NotFoundError, SignatureError } from '../../../src/core/errors.ts'
import type { Log } from '../../../src/core/log.ts'
import type { CatalogEntry } from '../../image-catalog.ts'
import type { Recorded } from './boot-recorder.ts'
import type { KeptProfile, ProfileFiles } from './profile-files.ts'

/** The tracker, as far as boots are its business. Errors: those of its client; NotFoundError where it has no profile. */
export interface ProfileTracker {
  find(image: CatalogEntry, options: CallOptions): Promise<ProfileView>
  record(image: CatalogEntry, recorded: Recorded, options: CallOptions): Promise<void>
}

export interface BootProfilesComponents {
  readonly tracker: ProfileTracker
  readonly files: Pick<ProfileFiles, 'load' | 'save'>
  /** The statement, when the tracker signed it. Errors: SignatureError, CertificateError. */
  verify(token: string): Promise<BootProfileStatement>
  readonly log: Log
}

export interface ProfileOptions extends CallOptions {
  /** What names the reads of the profile that the tracker has now; null: it has none; undefined: it was not asked. */
  readonly digest: DigestKey | null | undefined
}

/** A profile whose signature was verified. */
export interface KnownProfile {
  readonly statement: BootProfileStatement
  readonly reads: readonly BootRead[]
}

/** Boot profiles of images: those of the tracker, kept here so that the next boot needs no question. */
export class BootProfiles {
  readonly #components: BootProfilesComponents
  #keeping: Promise<unknown> = Promise.resolve()

  constructor(components: BootProfilesComponents) {
    this.#components = components
  }

  /**
   * The profile of an image version; undefined without any. One that is kept will do while the tracker has no other, or is away. Errors: those of the tracker when nothing is kept, SignatureError and
   * InvalidError when what it gives is not a profile of this image.
   */
  async of(image: CatalogEntry, options: ProfileOptions): Promise<KnownProfile | undefined> {
    const { digest, ...call } = options
    if (digest === null) return undefined
    const kept = await this.#kept(image)
    if (kept !== undefined && (digest === undefined || digest === kept.statement.digest)) return kept
    try {
      return await this.find(image, call)
    } catch (error) {
      if (kept === undefined) throw error
      this.#components.log.info(
        { image: image.name, err: String(error) },
        'going on with the boot profile that is here',
      )
      return kept
    }
  }

  /** The profile as the tracker has it now; undefined where it has none. Errors: as `of`. */
  async find(image: CatalogEntry, options: CallOptions = {}): Promise<KnownProfile | undefined> {
    const { tracker } = this.#components
    try {
      const { token, reads } = await tracker.find(image, options)
      const known = await this.#verified(image, { token, reads })
      await this.#keep(image, { profile: { token, reads } })
      return known
    } catch (error) {
      if (error instanceof NotFoundError) return undefined
      throw error
    }
  }

  /** Whether this node has sent a recording of this image version before. */
  async hasSent({ manifest }: CatalogEntry): Promise<boolean> {
    return (await this.#components.files.load(manifest as ManifestId))?.sent === true
  }

  /** Gives the tracker what a machine has read. Errors: those of the tracker. */
  async send(image: CatalogEntry, recorded: Recorded, options: CallOptions = {}): Promise<void> {
    await this.#components.tracker.record(image, recorded, options)
    await this.#keep(image, { sent: true })
  }

  /** One after the other, since they share files. Never fails: what cannot be kept is asked for again. */
  async #keep(image: CatalogEntry, change: Partial<KeptProfile>): Promise<void> {
    const { files, log } = this.#components
    const id = image.manifest as ManifestId
    const kept = this.#keeping.then(async () =>
      files.save(id, { sent: false, ...(await files.load(id)), ...change }),
    )
    this.#keeping = kept.catch((error: unknown) => {
      log.warn({ image: image.name, err: String(error) }, 'could not keep a boot profile')
    })
    await this.#keeping
  }

  /** Undefined when it does not hold any more. */
  async #kept(image: CatalogEntry): Promise<KnownProfile | undefined> {
    const kept = await this.#components.files.load(image.manifest as ManifestId)
    if (kept?.profile === undefined) return undefined
    try {
      return await this.#verified(image, kept.profile)
    } catch (error) {
      const isOver = error instanceof CertificateError
      if (isOver || error instanceof SignatureError || error instanceof InvalidError) return undefined
      throw error
    }
  }

  async #verified(
    image: CatalogEntry,
    { token, reads }: { token: string; reads: readonly BootRead[] },
  ): Promise<KnownProfile> {
    const statement = await this.#components.verify(token)
    const manifest = image.manifest as ManifestId
    checkBootProfile(statement, { manifest, size: image.size, reads })
    return { statement, reads }
  }
}
