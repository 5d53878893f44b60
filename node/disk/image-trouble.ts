import {
  BootswarmError,
  GrantError,
  NotAuthorisedError,
  NotFoundError,
  StorageFullError,
} from '../../src/core/errors.ts'
import type { CatalogEntry } from '../image-catalog.ts'

/** Why nothing more of an image can be fetched at the moment, and what to do about it. */
export class ImageTrouble {
  readonly #entry: Pick<CatalogEntry, 'namespace' | 'name' | 'version'>
  #text: string | undefined
  #refused = false
  #isGone = false
  #isFull = false

  constructor(entry: Pick<CatalogEntry, 'namespace' | 'name' | 'version'>) {
    this.#entry = entry
  }

  get text(): string | undefined {
    return this.#text
  }

  /** This node may not have it: time alone changes nothing. */
  get refused(): boolean {
    return this.#refused
  }

  /** It is refused, or is not there any more: to ask again and again is of no use. */
  get lasts(): boolean {
    return this.#refused || this.#isGone
  }

  /** `lent`: the node fetches by the right of a user. Returns whether it is other trouble than before. */
  met(error: unknown, { lent }: { lent: boolean }): boolean {
    const message = error instanceof BootswarmError ? error.message : String(error)
    // While the tracker is away it may well be that it would say yes.
    const ended = error instanceof GrantError && error.data['away'] !== true
    this.#refused = error instanceof NotAuthorisedError || ended
    this.#isGone = error instanceof NotFoundError
    const text = this.#refused && lent ? this.#ended(message) : message
    // A full store says it in one of several ways, with every try in another.
    const isFull = error instanceof StorageFullError
    const isOther = text !== this.#text && !(isFull && this.#isFull)
    this.#isFull = isFull
    if (isOther) this.#text = text
    return isOther
  }

  over(): void {
    this.#text = undefined
    this.#refused = false
    this.#isGone = false
    this.#isFull = false
  }

  #ended(message: string): string {
    const { namespace, name, version } = this.#entry
    const again = `bootswarm disk attach ${namespace}/${name}@${version} --delegate`
    return `what is missing waits: the right that was lent to this node has ended (${message}); lend it again: ${again}`
  }
}
