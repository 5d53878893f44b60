import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Static, Type } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { DiskParams, OnLossSchema } from '../../src/api/disk-schemas.ts'
import { DISKS_MAX } from '../../src/core/disk-limits.ts'
import type { Log } from '../../src/core/log.ts'
import { writeWhole } from '../../src/util/write-whole.ts'
import { CatalogEntrySchema } from '../image-catalog.ts'

const Kept = Type.Object({
  name: DiskParams.properties.name,
  /** The image as it was asked for. */
  reference: Type.String(),
  /** The version that it was then, which the disk stays: with its record and the last grant, so that it needs no tracker to come back. */
  image: CatalogEntrySchema,
  fill: Type.Boolean(),
  onLoss: OnLossSchema,
  /** Milliseconds since the epoch. */
  attachedAt: Type.Integer(),
})

/** A disk as it is kept between two starts of the node. */
export type DiskRecord = Static<typeof Kept>

/** The disks of a node: one JSON file each, written whole or not at all. */
export class DiskFiles {
  readonly #dir: string
  readonly #components: { log: Log }

  constructor(components: { log: Log }, init: { dir: string }) {
    this.#components = components
    this.#dir = init.dir
  }

  /** Everything that is kept, in the order of names. A file that cannot be understood is left alone and logged. */
  async load(): Promise<DiskRecord[]> {
    const { log } = this.#components
    await mkdir(this.#dir, { recursive: true, mode: 0o700 })
    const records: DiskRecord[] = []
    for (const file of (await readdir(this.#dir)).sort()) {
      if (!file.endsWith('.json') || records.length === DISKS_MAX) continue
      const record = parse(await readFile(join(this.#dir, file), 'utf8'))
      if (record !== undefined && file === `${record.name}.json`) records.push(record)
      else log.error({ file }, 'not a disk of this version: ignored')
    }
    return records
  }

  /** One at a time for each name. Errors: those of the file system. */
  async save(record: DiskRecord): Promise<void> {
    await writeWhole(this.#path(record.name), JSON.stringify(record, undefined, 2))
  }

  async remove(name: string): Promise<void> {
    await rm(this.#path(name), { force: true })
  }

  #path(name: string): string {
    return join(this.#dir, `${name}.json`)
  }
}

function parse(text: string): DiskRecord | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return Value.Check(Kept, value) ? value : undefined
  } catch {
    return undefined
  }
}
