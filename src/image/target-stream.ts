import { once } from 'node:events'
import type { Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import type { ImageTarget } from './image-target.ts'
import type { OpenedPart } from './open-pieces.ts'
import { onTarget } from './target-errors.ts'

const ZEROS = new Uint8Array(1024 * 1024)

/** Standard output, a pipe or a character device: everything is written in order, zeros too. */
export class StreamTarget implements ImageTarget {
  readonly #name: string
  readonly #stream: Writable
  /** The standard output of the process stays open for others. */
  readonly #keepOpen: boolean
  #error: Error | undefined

  constructor(stream: Writable, init: { name: string; keepOpen: boolean }) {
    this.#name = init.name
    this.#stream = stream
    this.#keepOpen = init.keepOpen
    stream.on('error', (error) => {
      this.#error = error
    })
  }

  async write(parts: readonly OpenedPart[]): Promise<void> {
    for (const { length, bytes } of parts) {
      if (bytes !== undefined) await this.#send(bytes)
      else {
        for (let left = length; left > 0; left -= ZEROS.length) {
          await this.#send(left >= ZEROS.length ? ZEROS : ZEROS.subarray(0, left))
        }
      }
    }
  }

  async finish(): Promise<void> {
    await onTarget(this.#name, async () => {
      if (this.#error !== undefined) throw this.#error
      if (this.#keepOpen) {
        await new Promise<void>((resolve, reject) => {
          this.#stream.write(new Uint8Array(), (error) => (error ? reject(error) : resolve()))
        })
      } else {
        this.#stream.end()
        await finished(this.#stream)
      }
    })
  }

  async abort(): Promise<void> {
    if (!this.#keepOpen) this.#stream.destroy()
  }

  async #send(bytes: Uint8Array): Promise<void> {
    await onTarget(this.#name, async () => {
      if (this.#error !== undefined) throw this.#error
      if (!this.#stream.write(bytes)) await once(this.#stream, 'drain')
    })
  }
}
