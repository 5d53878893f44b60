/** Runs in the order in which they were added, each at most once. */
export class RunQueue {
  readonly #ring: Uint32Array
  readonly #queued: Uint8Array
  #head = 0
  #size = 0

  constructor(runs: number) {
    this.#ring = new Uint32Array(runs)
    this.#queued = new Uint8Array(runs)
  }

  /** The run that was added first. */
  get first(): number | undefined {
    return this.#size === 0 ? undefined : this.#ring[this.#head]
  }

  /** Returns false when the run is queued already. */
  add(run: number): boolean {
    if (this.#queued[run] !== 0) return false
    this.#queued[run] = 1
    this.#ring[(this.#head + this.#size++) % this.#ring.length] = run
    return true
  }

  /** Takes the first run out. */
  shift(): void {
    if (this.first === undefined) return
    this.#queued[this.first] = 0
    this.#head = (this.#head + 1) % this.#ring.length
    this.#size--
  }
}
