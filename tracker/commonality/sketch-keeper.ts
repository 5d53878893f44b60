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

  /** Whether there are more that can be done. */
  async #look(): Promise<boolean> {
    const { catalog, commonality } = this.#c
    const { signal } = this.#stopping
    const lacking = await catalog.sketches.lacking({ rowsMax: ROUND_IMAGES })
    let made = 0
    for (const manifest of lacking) {
      // Undefined: its segments are on another tracker, which does it.
      if ((await commonality.sketch(manifest, { signal })) !== undefined) made++
    }
    if (lacking.length === 0) await catalog.sketches.prune()
    return made > 0 && lacking.length === ROUND_IMAGES
  }

  #failed(error: unknown): void {
    const { log } = this.#c
    if (error instanceof BootswarmError)
      log.warn({ err: error.message }, 'could not sample the blocks of an image')
    else log.error({ err: error }, 'could not sample the blocks of an image')
  }
}
