import { mkdir, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type Static, Type } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import type { Log } from '../../src/core/log.ts'
import { writeWhole } from '../../src/util/write-whole.ts'
import { CatalogEntrySchema } from '../image-catalog.ts'

const Kept = Type.Array(
  Type.Object({
    image: CatalogEntrySchema,
    /** Hex sha-256 of the reads of the profile whose blocks are here; missing: none is. */
    digest: Type.Optional(Type.String()),
    /** That the profile covers: inflated, so more than it takes on the disk. */
    bytes: Type.Integer({ minimum: 0 }),
    /** Whether it is here because of the hoard alone. */
    own: Type.Boolean(),
    /** When it was attached last, milliseconds since the epoch; 0: never. */
    attachedAt: Type.Integer({ minimum: 0 }),
  }),
)

/** An image whose boot a node keeps ready. */
export type Hoarded = Static<typeof Kept>[number]

/** What the hoard of a node consists of: one JSON file, written whole or not at all. */
export class HoardFiles {
  readonly #path: string
  readonly #log: Log

  constructor(components: { log: Log }, init: { path: string }) {
    this.#path = init.path
    this.#log = components.log
  }

  /** Nothing when there is none, or none that can be understood. Errors: those of the file system. */
  async load(): Promise<Hoarded[]> {
    try {
      const value: unknown = JSON.parse(await readFile(this.#path, 'utf8'))
      if (Value.Check(Kept, value)) return value
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
      if (!(error instanceof SyntaxError)) throw error
    }
    this.#log.warn({ file: this.#path }, 'the list of the hoard cannot be read: beginning anew')
    return []
  }

  /** Errors: those of the file system. */
  async save(hoarded: readonly Hoarded[]): Promise<void> {
    await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 })
    await writeWhole(this.#path, JSON.stringify(hoarded, undefined, 2))
  }
}
