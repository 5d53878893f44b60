import { TrackerClient } from '../../src/api/tracker-client.ts'
import type { CallOptions } from '../../src/core/blockstore.ts'
import { systemClock } from '../../src/core/clock.ts'
import {
  AbortedError,
  BootswarmError,
  BusyError,
  ProtocolError,
  UnreachableError,
} from '../../src/core/errors.ts'
import { RELAYS_MAX } from '../../src/core/registry-limits.ts'
import type { Identity } from '../../src/identity/identity-files.ts'
import { livePems } from '../../src/identity/live-identity.ts'
import { serverCheck } from '../../src/identity/server-check.ts'
import type { StoredTracker } from '../catalog/tracker-catalog.ts'
import type { ImageRange } from './image-range.ts'

export interface RelayInit {
  readonly identity: Identity
  /** Name of the site that every tracker's certificate has. */
  readonly name: string
}

/** Fetches bytes of images from other trackers of the site, with the own certificate. */
export class Relay {
  readonly #init: RelayInit
  readonly #clients = new Map<string, TrackerClient>()
  #running = 0

  constructor(init: RelayInit) {
    this.#init = init
  }

  /**
   * The bytes of a range from the first of the trackers that gives them, until they have been read or the signal is aborted.
   * Errors: UnreachableError, BusyError past RELAYS_MAX. Reading throws unless exactly the bytes of the range come.
   */
  async open(
    trackers: readonly StoredTracker[],
    range: ImageRange,
    options: Required<CallOptions>,
  ): Promise<AsyncIterable<Uint8Array>> {
    if (this.#running >= RELAYS_MAX)
      throw new BusyError('too many images are fetched from other trackers at the moment: try again')
    const leave = this.#enter(options.signal)
    try {
      const pieces = await this.#first(trackers, range, options)
      return counted(pieces, { bytes: range.end - range.start, done: leave })
    } catch (error) {
      leave()
      throw error
    }
  }

  async close(): Promise<void> {
    for (const client of this.#clients.values()) await client.close()
  }

  async #first(
    trackers: readonly StoredTracker[],
    { version, start, end }: ImageRange,
    options: CallOptions,
  ): Promise<AsyncIterable<Uint8Array>> {
    const { namespace, name, manifest } = version
    let last: BootswarmError | undefined
    for (const { url } of trackers) {
      try {
        return await this.#client(url).raw({ namespace, name, manifest }, { start, end }, options)
      } catch (error) {
        if (!(error instanceof BootswarmError) || error instanceof AbortedError) throw error
        last = error
      }
    }
    const reason = last?.code ?? 'nobody'
    throw new UnreachableError(`no tracker that has the blocks of this image gives them (${reason})`, {
      cause: last,
    })
  }

  /** Takes a place; the returned function gives it back, as does the signal. */
  #enter(signal: AbortSignal): () => void {
    let inside = true
    const leave = () => {
      if (inside) this.#running--
      inside = false
      signal.removeEventListener('abort', leave)
    }
    this.#running++
    signal.addEventListener('abort', leave)
    return leave
  }

  #client(url: string): TrackerClient {
    const known = this.#clients.get(url)
    if (known !== undefined) return known
    const { identity, name } = this.#init
    const checkServer = serverCheck({ trust: identity.trust, clock: systemClock })
    const client = new TrackerClient({ url, name, ...livePems(identity), checkServer })
    this.#clients.set(url, client)
    return client
  }
}

/** The pieces, which must be so many bytes together. */
async function* counted(
  pieces: AsyncIterable<Uint8Array>,
  init: { bytes: number; done: () => void },
): AsyncGenerator<Uint8Array> {
  let left = init.bytes
  try {
    for await (const piece of pieces) {
      left -= piece.length
      if (left < 0) throw new ProtocolError('another tracker gave more bytes than it was asked for')
      yield piece
    }
    if (left > 0) throw new UnreachableError('another tracker broke off')
  } finally {
    init.done()
  }
}
