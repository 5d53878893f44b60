import { HOARD_IMAGES_MAX } from '../../src/core/disk-limits.ts'
import type { CatalogEntry } from '../image-catalog.ts'
import { imageText } from './attached.ts'
import type { Hoarded } from './hoard-files.ts'

/** Images whose boots a node keeps ready, or would: each version once. */
export class HoardList {
  #all: Hoarded[] = []

  load(hoarded: readonly Hoarded[]): void {
    this.#all = [...hoarded]
  }

  get all(): readonly Hoarded[] {
    return this.#all
  }

  /** Of the disks, inflated. */
  get bytes(): number {
    return this.#all.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  /** Those that were attached last first. */
  byWorth(): Hoarded[] {
    return [...this.#all].sort((a, b) => b.attachedAt - a.attachedAt)
  }

  find(image: CatalogEntry): Hoarded | undefined {
    return this.#all.find((one) => isSame(one.image, image))
  }

  /** All versions that were asked for by a reference. */
  tagged(reference: string): Hoarded[] {
    return this.#all.filter(({ image }) => tagText(image) === reference)
  }

  /** In the place of what there was of this image. */
  put(hoarded: Hoarded): void {
    this.#all = [...this.#all.filter(({ image }) => !isSame(image, hoarded.image)), hoarded]
  }

  remove(hoarded: Hoarded): void {
    this.#all = this.#all.filter((one) => one !== hoarded)
  }

  /** Somebody uses it: it is worth more than what was attached before, and is not the hoard's alone any more. What the hoard has brought in stays in the list until it is taken away. */
  attached(image: CatalogEntry, attachedAt: number): void {
    const known = this.find(image)
    if (known !== undefined) Object.assign(known, { attachedAt, own: false })
    else this.#all.push({ image, bytes: 0, own: false, attachedAt })
    const kept = new Set(this.byWorth().slice(0, HOARD_IMAGES_MAX))
    this.#all = this.#all.filter((one) => one.own || kept.has(one))
  }

  /** What is not here any more, or is here as a whole, counts for nothing; when it was attached is remembered. */
  correct(isHere: (image: CatalogEntry) => boolean): void {
    this.#all = this.#all.flatMap((one) => {
      if (one.bytes === 0 || isHere(one.image)) return one
      const { image, attachedAt } = one
      return attachedAt === 0 ? [] : { image, bytes: 0, own: false, attachedAt }
    })
  }
}

function isSame(a: CatalogEntry, b: CatalogEntry): boolean {
  return imageText(a) === imageText(b)
}

/** By its tag; by its version when it was asked for by that. */
export function tagText(image: CatalogEntry): string {
  return image.tag === undefined ? imageText(image) : `${image.namespace}/${image.name}:${image.tag}`
}
