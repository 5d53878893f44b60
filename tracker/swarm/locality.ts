import type { Labels } from '../../src/core/nearness.ts'
import type { RackPlace } from '../../src/core/router.ts'
import { Bucket, type Bucketed } from './bucket.ts'

export interface Located extends Bucketed {
  /** As they were when the item was added; not to change while it is in an index. */
  readonly labels: Labels
}

const KINDS = { all: 0, zone: 1, rack: 2 }

/** Items by where they are: all of them, those of a zone, those of a rack. Every change takes one step, whatever their number. */
export class Locality<T extends Located> {
  readonly all: Bucket<T> = new Bucket({ kind: KINDS.all })
  readonly #zones = new Map<string, Bucket<T>>()
  readonly #racks = new Map<string, Bucket<T>>()

  add(item: T): void {
    this.all.add(item)
    const { zone, rack } = placeOf(item.labels)
    bucketOf(this.#zones, zone, KINDS.zone)?.add(item)
    bucketOf(this.#racks, rack, KINDS.rack)?.add(item)
  }

  /** Takes out an item that is in this index. */
  delete(item: T): void {
    this.all.delete(item)
    const { zone, rack } = placeOf(item.labels)
    deleteFrom(this.#zones, zone, item)
    deleteFrom(this.#racks, rack, item)
  }

  /** Those of the same zone; undefined where there are none, or the labels name no zone. */
  zoneOf(labels: Labels): Bucket<T> | undefined {
    const { zone } = placeOf(labels)
    return zone === undefined ? undefined : this.#zones.get(zone)
  }

  /** Those of the same rack of the same zone; undefined where there are none, or the labels name no rack. */
  rackOf(labels: Labels): Bucket<T> | undefined {
    const { rack } = placeOf(labels)
    return rack === undefined ? undefined : this.#racks.get(rack)
  }

  /** Which one of its rack an item is; undefined where its labels name no rack. One that leaves gives its place to the last. */
  placeInRack(item: T): RackPlace | undefined {
    const rack = this.rackOf(item.labels)
    const place = item.slots[KINDS.rack] ?? -1
    return rack === undefined || place < 0 ? undefined : { place, of: rack.size }
  }
}

function placeOf(labels: Labels): { zone: string | undefined; rack: string | undefined } {
  const { site, zone, rack } = labels
  const inZone = zone === undefined ? undefined : `${site ?? ''}\n${zone}`
  return { zone: inZone, rack: rack === undefined ? undefined : `${inZone ?? `${site ?? ''}\n`}\n${rack}` }
}

function bucketOf<T extends Bucketed>(
  buckets: Map<string, Bucket<T>>,
  name: string | undefined,
  kind: number,
): Bucket<T> | undefined {
  if (name === undefined) return undefined
  const bucket = buckets.get(name) ?? new Bucket<T>({ kind })
  buckets.set(name, bucket)
  return bucket
}

function deleteFrom<T extends Bucketed>(
  buckets: Map<string, Bucket<T>>,
  name: string | undefined,
  item: T,
): void {
  if (name === undefined) return
  const bucket = buckets.get(name)
  bucket?.delete(item)
  if (bucket?.size === 0) buckets.delete(name)
}
