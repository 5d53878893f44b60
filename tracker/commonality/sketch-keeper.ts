import type { ManifestId } from '../../src/core/cid.ts'
import type { Clock } from '../../src/core/clock.ts'
import { AbortedError, BootswarmError } from '../../src/core/errors.ts'
import type { Log } from '../../src/core/log.ts'
import { SKETCH_INTERVAL_MS } from '../../src/core/registry-limits.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { Commonality } from './commonality.ts'

export interface SketchKeeperComponents {
  readonly catalog: Pick<Catalog, 'sketches'>
  readonly commonality: Pick<Commonality, 'sketch'>
  readonly clock: Clock
  readonly log: Log
}

/** Images looked at in one round; the next round takes the others. */
const ROUND_IMAGES = 16
/** Changes come in bursts; one look is enough for them. */
const WAKE_MS = 200

/** Takes samples of images that came, whoever brought them, and forgets those of images that are gone. One image after the other. */
export class SketchKeeper {
  readonly #c: SketchKeeperComponents
  readonly #stopping = new AbortController()
  #cancel = () => {}
  #running: Promise<void> = Promise.resolve()
  #looking = false
  #again = false
  /** The last one of this pass over all images that was looked at; undefined before it begins. */
  #after: ManifestId | undefined
  /** An image may have come since it began. */
  #woken = false

  constructor(components: SketchKeeperComponents) {
    this.#c = components
    this.#next(0)
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new AbortedError('the tracker is stopping'))
    this.#cancel()
    await this.#running
  }

  /** An image may have come: looks soon. */
  wake(): void {
    this.#woken = true
    if (this.#looking) this.#again = true
    else this.#next(WAKE_MS)
  }

  #next(ms: number): void {
    this.#cancel()
    if (this.#stopping.signal.aborted) return
    this.#cancel = this.#c.clock.after(ms, () => {
      this.#running = this.#round()
    })
  }

  /** Whatever happens in a round, there is a next one. */
  async #round(): Promise<void> {
    this.#again = false
    this.#looking = true
    try {
      this.#again = (await this.#look()) || this.#again
    } catch (error) {
      if (!this.#stopping.signal.aborted) this.#failed(error)
    } finally {
      this.#looking = false
    }
    this.#next(this.#again ? WAKE_MS : SKETCH_INTERVAL_MS)
  }

  /** Whether there are more to look at. */
  async #look(): Promise<boolean> {
    const { sketches } = this.#c.catalog
    if (this.#after === undefined) this.#woken = false
    const lacking = await sketches.lacking({ after: this.#after, rowsMax: ROUND_IMAGES })
    for (const manifest of lacking) await this.#sample(manifest)
    this.#after = lacking.length === ROUND_IMAGES ? lacking.at(-1) : undefined
    if (this.#after !== undefined) return true
    await sketches.prune()
    return this.#woken
  }

  /** One that cannot be read, or whose segments are on another tracker, which does it, keeps no other waiting. */
  async #sample(manifest: ManifestId): Promise<void> {
    const { signal } = this.#stopping
    try {
      await this.#c.commonality.sketch(manifest, { signal })
    } catch (error) {
      signal.throwIfAborted()
      this.#failed(error, { manifest })
    }
  }

  #failed(error: unknown, of: { manifest?: ManifestId } = {}): void {
    const { log } = this.#c
    if (error instanceof BootswarmError)
      log.warn({ ...of, err: error.message }, 'could not sample the blocks of an image')
    else log.error({ ...of, err: error }, 'could not sample the blocks of an image')
  }
}
