import { HOARD_IMAGES_MAX } from '../../src/core/disk-limits.ts'
import { StateError } from '../../src/core/errors.ts'
import type { Log } from '../../src/core/log.ts'
import { parseReference } from '../../src/core/reference.ts'
import type { CatalogEntry, ImageCatalog } from '../image-catalog.ts'
import { imageText } from './attached.ts'
import type { Hoarded } from './hoard-files.ts'
import type { HoardList } from './hoard-list.ts'

export interface HoardRoomComponents {
  readonly catalog: Pick<ImageCatalog, 'find'>
  /** Takes an image away that is here on demand alone; its blocks stay until they are collected. Throws StateError while it is a disk. */
  remove(image: CatalogEntry): Promise<void>
  /** Gives back what the blocks of removed images take. Throws StateError while something is being pulled or attached. */
  collect(): Promise<void>
  readonly log: Log
}

/** Whose boot is to have a place in the budget. */
export interface Newcomer {
  readonly reference: string
  /** When an image of this reference was attached last; 0: never. */
  readonly attachedAt: number
  /** Undefined before it is known. */
  readonly image?: CatalogEntry
}

/** The budget of the hoard: who has room in it, and who gives way. */
export class HoardRoom {
  readonly #components: HoardRoomComponents & { list: HoardList }
  readonly #budgetBytes: number
  #evicted = 0
  /** Blocks of removed images wait for a collection. */
  #isLittered = false

  constructor(components: HoardRoomComponents & { list: HoardList }, init: { budgetBytes: number }) {
    this.#components = components
    this.#budgetBytes = init.budgetBytes
  }

  /** Images that gave way to others. */
  get evicted(): number {
    return this.#evicted
  }

  /** Whether there is room when what was attached longer ago gives way, the versions before it in any case. */
  has(bytes: number, newcomer: Newcomer): boolean {
    const staying = this.#others(newcomer).filter((one) => !(one.attachedAt < newcomer.attachedAt))
    return staying.reduce((sum, one) => sum + one.bytes, bytes) <= this.#budgetBytes
  }

  /** Makes it; false when there is none to be had, and then nothing gives way. */
  async make(bytes: number, newcomer: Newcomer): Promise<boolean> {
    if (!this.has(bytes, newcomer)) return false
    while (
      this.#others(newcomer).reduce((sum, one) => sum + one.bytes, bytes) > this.#budgetBytes &&
      (await this.#evict(this.#others(newcomer).filter((one) => one.attachedAt < newcomer.attachedAt)))
    );
    return true
  }

  /** What is too much gives way, those attached longest ago first. */
  async keep(): Promise<void> {
    const { list } = this.#components
    const isTooMuch = () => list.bytes > this.#budgetBytes || list.all.length > HOARD_IMAGES_MAX
    while (isTooMuch() && (await this.#evict(list.all)));
  }

  /** What somebody has pulled or attached stays, and is no part of the hoard any more. */
  async drop(hoarded: Hoarded): Promise<void> {
    const { list, remove, log } = this.#components
    const { image, own } = hoarded
    list.remove(hoarded)
    const now = this.known(image)
    if (!own || now === undefined || !this.isOnDemand(image)) return
    try {
      await remove(now)
      this.#isLittered = true
    } catch (error) {
      if (!(error instanceof StateError)) throw error
      log.info({ image: imageText(now), err: error.message }, 'a hoarded image stays for now')
    }
  }

  /** Once for all that a round has removed; where something is being pulled, after a later round. */
  async collect(): Promise<void> {
    if (!this.#isLittered) return
    try {
      await this.#components.collect()
      this.#isLittered = false
    } catch (error) {
      if (!(error instanceof StateError)) throw error
      this.#components.log.info({ err: error.message }, 'what the hoard gave up is collected later')
    }
  }

  /** As this node has it. */
  known(image: CatalogEntry): CatalogEntry | undefined {
    return this.#components.catalog.find(parseReference(imageText(image)))
  }

  /** Whether it is here, and nobody has asked for all of it. */
  isOnDemand(image: CatalogEntry): boolean {
    const known = this.known(image)
    return known?.onDemand === true && !known.complete
  }

  /** Somebody has asked for all of it, and it is on its way, or will be. */
  isWanted(image: CatalogEntry): boolean {
    return this.known(image) !== undefined && !this.isOnDemand(image)
  }

  #others({ reference, image }: Newcomer): Hoarded[] {
    const { list } = this.#components
    const same = new Set([...list.tagged(reference), image && list.find(image)])
    return list.byWorth().filter((one) => !same.has(one))
  }

  /** The least worth of these. Returns whether there was one. */
  async #evict(mayGo: readonly Hoarded[]): Promise<boolean> {
    const ids = new Set(mayGo)
    const least = this.#components.list
      .byWorth()
      .filter((one) => one.bytes > 0 && ids.has(one))
      .at(-1)
    if (least === undefined) return false
    await this.drop(least)
    this.#evicted++
    return true
  }
}
