import { mkdir, readdir, readFile, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { type Static, Type } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { ProfileView } from '../../../src/api/profile-schemas.ts'
import type { ManifestId } from '../../../src/core/cid.ts'
import { PROFILES_KEPT_MAX } from '../../../src/core/disk-limits.ts'
import type { Log } from '../../../src/core/log.ts'
import { writeWhole } from '../../../src/util/write-whole.ts'

const Kept = Type.Object({
  /** What the tracker signed, compact JWS, and the reads that it is of. */
  profile: Type.Optional(Type.Object({ token: Type.String(), reads: ProfileView.properties.reads })),
  /** Whether a boot over a disk of this node is part of it, or was offered. */
  sent: Type.Boolean(),
})

/** What is kept of the boots of one image version. */
export type KeptProfile = Static<typeof Kept>

/** Boot profiles of a node by manifest: one JSON file each; those used last, PROFILES_KEPT_MAX of them. */
export class ProfileFiles {
  readonly #dir: string
  readonly #log: Log

  constructor(components: { log: Log }, init: { dir: string }) {
    this.#dir = init.dir
    this.#log = components.log
  }

  /** Undefined when there is none, or none that can be understood. Errors: those of the file system. */
  async load(manifest: ManifestId): Promise<KeptProfile | undefined> {
    const path = this.#path(manifest)
    try {
      const value: unknown = JSON.parse(await readFile(path, 'utf8'))
      if (!Value.Check(Kept, value)) throw new SyntaxError('of another version')
      const now = new Date()
      await utimes(path, now, now)
      return value
    } catch (error) {
      if (error instanceof SyntaxError) this.#log.warn({ manifest }, 'a kept boot profile cannot be read')
      else if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      return undefined
    }
  }

  /** Errors: those of the file system. */
  async save(manifest: ManifestId, kept: KeptProfile): Promise<void> {
    await mkdir(this.#dir, { recursive: true, mode: 0o700 })
    await writeWhole(this.#path(manifest), JSON.stringify(kept))
    await this.#makeRoom()
  }

  async #makeRoom(): Promise<void> {
    const names = (await readdir(this.#dir)).filter((name) => name.endsWith('.json'))
    if (names.length <= PROFILES_KEPT_MAX) return
    const files = await Promise.all(
      names.map(async (name) => ({ name, usedMs: (await stat(join(this.#dir, name))).mtimeMs })),
    )
    files.sort((one, other) => other.usedMs - one.usedMs)
    for (const { name } of files.slice(PROFILES_KEPT_MAX)) await rm(join(this.#dir, name), { force: true })
  }

  #path(manifest: ManifestId): string {
    return join(this.#dir, `${manifest}.json`)
  }
}
