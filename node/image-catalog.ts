import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type Static, Type } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import type { ManifestId } from '../src/core/cid.ts'
import type { Log } from '../src/core/log.ts'
import { DEFAULT_TAG, type Reference } from '../src/core/reference.ts'
import { onDisk } from '../src/store/storage-errors.ts'
import { writeWhole } from '../src/util/write-whole.ts'

/** An image version as it is kept on disk. */
export const CatalogEntrySchema = Type.Object({
  namespace: Type.String(),
  name: Type.String(),
  version: Type.Integer(),
  /** The tag by which it was asked for. */
  tag: Type.Optional(Type.String()),
  manifest: Type.String(),
  size: Type.Integer(),
  sha256: Type.Union([Type.String(), Type.Null()]),
  complete: Type.Boolean(),
  /** Nobody has asked for all of it: disks read it on demand. */
  onDemand: Type.Optional(Type.Boolean()),
  /** Milliseconds since the epoch. */
  pulledAt: Type.Integer(),
  /** The tracker's signed record, compact JWS. */
  record: Type.String(),
  /** The last grant for it, compact JWS: lets a pull go on while the tracker is away. */
  grant: Type.String(),
  /** What a user has signed for this node, shown whenever the grant is renewed. */
  delegation: Type.Optional(Type.String()),
})

/** An image that is here or on its way. */
export type CatalogEntry = Static<typeof CatalogEntrySchema>

/** The images of this node: one JSON file for each version, written whole or not at all. */
export class ImageCatalog {
  readonly #dir: string
  readonly #entries = new Map<string, CatalogEntry>()
  /** End of the last write: one after the other, or two would share a half-written file. */
  #turn: Promise<unknown> = Promise.resolve()

  private constructor(dir: string) {
    this.#dir = dir
  }

  /** Reads what is there. A file that cannot be understood is left alone and logged. */
  static async open(components: { log: Log }, init: { dir: string }): Promise<ImageCatalog> {
    const catalog = new ImageCatalog(init.dir)
    await mkdir(init.dir, { recursive: true, mode: 0o700 })
    for (const file of await readdir(init.dir, { recursive: true })) {
      if (!file.endsWith('.json')) continue
      const entry = parse(await readFile(join(init.dir, file), 'utf8'))
      if (entry === undefined) components.log.error({ file }, 'not an image of this version: ignored')
      else catalog.#entries.set(keyOf(entry), entry)
    }
    return catalog
  }

  all(): CatalogEntry[] {
    return [...this.#entries.values()].sort((a, b) => keyOf(a).localeCompare(keyOf(b)))
  }

  withManifest(manifest: ManifestId): CatalogEntry[] {
    return this.all().filter((entry) => entry.manifest === manifest)
  }

  /** The newest delegation for a manifest. */
  delegationFor(manifest: ManifestId): string | undefined {
    const found = this.withManifest(manifest).filter((entry) => entry.delegation !== undefined)
    return found.sort((a, b) => b.pulledAt - a.pulledAt)[0]?.delegation
  }

  /** What a reference means here. */
  find(reference: Reference): CatalogEntry | undefined {
    return findEntry(this.all(), reference)
  }

  /** Errors: StorageFullError, StorageError. */
  save(entry: CatalogEntry): Promise<void> {
    return this.#inTurn(() => this.#write(entry))
  }

  /** Changes an entry as it is by then; one that was removed meanwhile stays removed. Errors: as `save`. */
  update(entry: CatalogEntry, change: Partial<CatalogEntry>): Promise<void> {
    return this.#inTurn(async () => {
      const now = this.#entries.get(keyOf(entry))
      if (now !== undefined) await this.#write({ ...now, ...change })
    })
  }

  /** Errors: as `save`. */
  remove(entry: CatalogEntry): Promise<void> {
    return this.#inTurn(async () => {
      await rm(this.#path(entry), { force: true })
      this.#entries.delete(keyOf(entry))
    })
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(() => onDisk('an image cannot be noted', work))
    this.#turn = done.catch(() => {})
    return done
  }

  async #write(entry: CatalogEntry): Promise<void> {
    const path = this.#path(entry)
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    await writeWhole(path, JSON.stringify(entry, undefined, 2))
    this.#entries.set(keyOf(entry), entry)
  }

  #path(entry: CatalogEntry): string {
    return join(this.#dir, entry.namespace, entry.name, `${entry.version}.json`)
  }
}

/** What a reference means among entries: a version, a manifest, or the newest version asked for by that tag. */
export function findEntry(entries: readonly CatalogEntry[], reference: Reference): CatalogEntry | undefined {
  const { namespace, name, version, manifest } = reference
  const tag = reference.tag ?? DEFAULT_TAG
  const found = entries.filter((entry) => {
    if (entry.namespace !== namespace || entry.name !== name) return false
    if (version !== undefined) return entry.version === version
    return manifest !== undefined ? entry.manifest === manifest : entry.tag === tag
  })
  return found.sort((a, b) => b.version - a.version)[0]
}

const keyOf = (entry: CatalogEntry) => `${entry.namespace}/${entry.name}@${entry.version}`

function parse(text: string): CatalogEntry | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return Value.Check(CatalogEntrySchema, value) ? value : undefined
  } catch {
    return undefined
  }
}
