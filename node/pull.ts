import type { PullProgress, PullResult } from '../src/api/node-schemas.ts'
import type { ManifestId } from '../src/core/cid.ts'
import type { Clock } from '../src/core/clock.ts'
import type { Session } from '../src/exchange/session.ts'

type State = PullProgress['state']

/** One pull that is under way: its session, its progress, and who follows it. */
export class Pull {
  readonly manifest: ManifestId
  readonly session: Session
  readonly #clock: Clock
  readonly #startedMs: number
  readonly #controller = new AbortController()
  readonly #over = Promise.withResolvers<void>()
  #isOver = false
  state: State = 'joining'
  /** Resolves when the catalog has it. */
  saved: Promise<void> = Promise.resolve()

  constructor(components: { clock: Clock; session: Session }) {
    this.session = components.session
    this.manifest = components.session.manifest
    this.#clock = components.clock
    this.#startedMs = components.clock.monotonic()
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Nothing more comes of it. */
  get ended(): boolean {
    return this.state === 'complete' || this.#isOver || this.#controller.signal.aborted
  }

  /** Resolves when its session is closed, however it ended. */
  get over(): Promise<void> {
    return this.#over.promise
  }

  /** Its session is closed. */
  close(): void {
    this.#isOver = true
    this.#over.resolve()
  }

  stop(reason?: Error): void {
    this.#controller.abort(reason)
  }

  get seconds(): number {
    return (this.#clock.monotonic() - this.#startedMs) / 1000
  }

  progress(): PullProgress {
    const { swarm, stats, peers } = this.session
    const total = swarm?.map.runs ?? 0
    return {
      manifest: this.manifest,
      state: swarm === undefined ? 'joining' : this.state,
      runs: { done: swarm?.have.count ?? 0, total },
      blocks: { ...stats.blocks },
      bytes: { ...stats.bytes },
      peers,
      seconds: this.seconds,
    }
  }

  result(about: { reference: string; version: number; imageBytes: number }): PullResult {
    const { stats, banned } = this.session
    return {
      ...about,
      manifest: this.manifest,
      seconds: this.seconds,
      blocks: { ...stats.blocks },
      bytes: { ...stats.bytes },
      corruptPeers: [...banned],
      milestones: { ...this.session.milestones.reached },
    }
  }
}
