/**
 * A link that serves what comes in the order in which it comes. When it will be free is known, so it needs no events of
 * its own.
 */
export class Pipe {
  readonly #bytesPerMs: number
  #freeMs = 0
  bytes = 0

  constructor(bytesPerMs: number) {
    this.#bytesPerMs = bytesPerMs
  }

  /**
   * Serves bytes that came in from `startMs` until now. Returns when they begin and end to leave: they pass through as they come, so
   * that an idle link as fast as the one before adds nothing.
   */
  serve(
    bytes: number,
    { startMs, nowMs }: { startMs: number; nowMs: number },
  ): [fromMs: number, toMs: number] {
    const fromMs = Math.max(startMs, this.#freeMs)
    this.#freeMs = fromMs + bytes / this.#bytesPerMs
    this.bytes += bytes
    return [fromMs, Math.max(nowMs, this.#freeMs)]
  }
}

/** Hosts that share one link to all others, each way. */
export class Rack {
  readonly name: string
  readonly up: Pipe
  readonly down: Pipe
  readonly #held: (() => void)[] = []
  #cut = false

  constructor(init: { name: string; uplinkBytesPerMs: number }) {
    this.name = init.name
    this.up = new Pipe(init.uplinkBytesPerMs)
    this.down = new Pipe(init.uplinkBytesPerMs)
  }

  get isCut(): boolean {
    return this.#cut
  }

  cutOff(): void {
    this.#cut = true
  }

  /** What was held back goes on. */
  heal(): void {
    this.#cut = false
    for (const go of this.#held.splice(0)) go()
  }

  /** Keeps it until the rack is healed. */
  hold(go: () => void): void {
    this.#held.push(go)
  }
}
