import type { ProfileView } from '../../src/api/profile-schemas.ts'
import {
  BOOT_PROFILE_TYPE,
  type BootProfileStatement,
  type BootRecording,
  checkRecording,
} from '../../src/core/boot-profile.ts'
import type { Clock } from '../../src/core/clock.ts'
import { NotFoundError } from '../../src/core/errors.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { StoredVersion } from '../catalog/image-rows.ts'
import type { ProfileKey, StoredProfile } from '../catalog/profile-catalog.ts'
import type { Signer } from '../grants/short-lived.ts'

export interface BootProfilesComponents {
  readonly catalog: Pick<Catalog, 'profiles'>
  readonly sign: Signer
  readonly clock: Clock
}

/** What machines read while they boot: recordings come from nodes, profiles go signed to whoever may read the image. Rights are for the caller to know. */
export class BootProfiles {
  readonly #c: BootProfilesComponents

  constructor(components: BootProfilesComponents) {
    this.#c = components
  }

  /** Throws NotFoundError when there is none. */
  async get(key: ProfileKey): Promise<StoredProfile> {
    const profile = await this.#c.catalog.profiles.get(key)
    if (profile === undefined) throw noProfile()
    return profile
  }

  /** The profile as it is sent, signed now. */
  async signed({
    manifest,
    digest,
    recordings,
    bytes,
    reads,
    updatedAtMs,
  }: StoredProfile): Promise<ProfileView> {
    const statement: BootProfileStatement = {
      ...{ manifest, recordings, reads: reads.length, bytes, digest },
      ...{ updated: Math.floor(updatedAtMs / 1000), iat: Math.floor(this.#c.clock.now() / 1000) },
    }
    const token = await this.#c.sign({ ...statement }, { typ: BOOT_PROFILE_TYPE })
    const updatedAt = new Date(updatedAtMs).toISOString()
    return { manifest, recordings, bytes, updatedAt, reads, token }
  }

  /** Takes what a machine of a node has read. Errors: InvalidError unless it is a recording of this version; NotFoundError when that goes meanwhile. */
  async record(
    { image, ...version }: Pick<StoredVersion, 'manifest' | 'size'> & { readonly image: number },
    recording: BootRecording,
    node: string,
  ): Promise<void> {
    checkRecording(recording, version)
    await this.#c.catalog.profiles.record(image, recording, { node, nowMs: this.#c.clock.now() })
  }

  /** Throws NotFoundError when there is nothing. */
  async drop(key: ProfileKey): Promise<void> {
    if (!(await this.#c.catalog.profiles.drop(key))) throw noProfile()
  }
}

function noProfile(): NotFoundError {
  const advice =
    'One comes when a machine boots from a disk of the image: two minutes after its first read by itself, or at once by bootswarm image profile record DISK.'
  return new NotFoundError('there is no boot profile of this image yet', { data: { advice } })
}
