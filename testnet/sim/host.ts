import type { Due, EventQueue } from './events.ts'
import { Pipe, type Rack } from './pipe.ts'

/** Quanta of one flow that are on their way at once: one is sent while the one before is received. */
const FLOW_QUANTA_MAX = 2
/** Turns that are over and still in the list of a host before it is shortened. */
const TURNS_KEPT_MAX = 64

export interface HostInit {
  readonly upBytesPerMs: number
  readonly downBytesPerMs: number
  readonly rack?: Rack
}

/** Bytes that one host sends to another, as one answer. */
export interface Transfer {
  readonly bytes: number
  /** All of it has left the sender's hands; its last part is on its way. */
  left(): void
  /** All of it has arrived. */
  arrived(): void
}

export interface FlowInit {
  readonly from: Host
  readonly to: Host
  readonly delayMs: number
  /** What a link serves of one flow before it turns to the next. */
  readonly quantumBytes: number
}

/** One machine. Its uplink serves its flows in turn, quantum by quantum; its downlink what comes first. */
export class Host implements Due {
  readonly rack: Rack | undefined
  readonly down: Pipe
  readonly #queue: EventQueue
  readonly #bytesPerMs: number
  /** Flows that may have something to send, in turn from `#next` on. */
  readonly #turns: Flow[] = []
  #next = 0
  #sending: Quantum | undefined
  #stopped = false
  sentBytes = 0

  constructor(queue: EventQueue, init: HostInit) {
    this.#queue = queue
    this.#bytesPerMs = init.upBytesPerMs
    this.down = new Pipe(init.downBytesPerMs)
    this.rack = init.rack
  }

  /** Its process does nothing any more, and its kernel keeps the connections. */
  get isStopped(): boolean {
    return this.#stopped
  }

  stop(): void {
    this.#stopped = true
  }

  /** The flow has something to send; to be said once until it is asked. */
  offer(flow: Flow): void {
    this.#turns.push(flow)
    if (this.#sending === undefined) this.#sendNext()
  }

  /** What was being sent has left. */
  due(): void {
    const quantum = this.#sending
    this.#sending = undefined
    this.#sendNext()
    quantum?.due()
  }

  #sendNext(): void {
    while (this.#next < this.#turns.length) {
      const flow = this.#turns[this.#next++] as Flow
      this.#forgetTurns()
      const quantum = flow.take()
      if (quantum === undefined) continue
      this.#sending = quantum
      this.sentBytes += quantum.bytes
      quantum.startMs = this.#queue.monotonic()
      this.#queue.at(quantum.startMs + quantum.bytes / this.#bytesPerMs, this)
      flow.offer()
      quantum.ends?.left()
      return
    }
  }

  #forgetTurns(): void {
    if (this.#next < TURNS_KEPT_MAX || this.#next * 2 < this.#turns.length) return
    this.#turns.splice(0, this.#next)
    this.#next = 0
  }
}

/** What one host sends to another over one connection: its transfers one after the other. */
export class Flow {
  readonly from: Host
  readonly to: Host
  readonly delayMs: number
  readonly #quantumBytes: number
  readonly #idle: Quantum[] = []
  /** The first may have begun. */
  #transfers: Transfer[] = []
  #begunBytes = 0
  #offered = false
  #closed = false
  #arrivedBytes = 0

  constructor(queue: EventQueue, init: FlowInit) {
    this.from = init.from
    this.to = init.to
    this.delayMs = init.delayMs
    this.#quantumBytes = init.quantumBytes
    for (let i = 0; i < FLOW_QUANTA_MAX; i++) this.#idle.push(new Quantum(queue, this))
  }

  get arrivedBytes(): number {
    return this.#arrivedBytes
  }

  /** Transfers that have not left as a whole. */
  get waiting(): number {
    return this.#transfers.length
  }

  send(transfer: Transfer): void {
    if (this.#closed) return
    this.#transfers.push(transfer)
    this.offer()
  }

  /** Takes back a transfer that has not begun. False when it has. */
  cancel(transfer: Transfer): boolean {
    const at = this.#transfers.indexOf(transfer)
    if (at < 0 || (at === 0 && this.#begunBytes > 0)) return false
    this.#transfers.splice(at, 1)
    return true
  }

  /** Nothing arrives any more, not even what is on its way. */
  close(): void {
    this.#closed = true
    this.#transfers = []
  }

  /** The next quantum to send now, if there is any and the flow has not too many on their way. */
  take(): Quantum | undefined {
    this.#offered = false
    const [transfer] = this.#transfers
    if (transfer === undefined) return undefined
    const quantum = this.from.isStopped ? undefined : this.#idle.pop()
    if (quantum === undefined) return undefined
    const left = transfer.bytes - this.#begunBytes
    quantum.bytes = Math.min(left, this.#quantumBytes)
    this.#begunBytes += quantum.bytes
    if (quantum.bytes === left) {
      quantum.ends = transfer
      this.#transfers.shift()
      this.#begunBytes = 0
    }
    return quantum
  }

  /** A quantum has reached the other host. */
  arrived(quantum: Quantum): void {
    // What nobody reads fills the buffers of the connection: the sender cannot go on.
    if (this.to.isStopped) return
    const { ends } = quantum
    quantum.ends = undefined
    this.#idle.push(quantum)
    if (this.#closed) return
    this.#arrivedBytes += quantum.bytes
    this.offer()
    ends?.arrived()
  }

  /** Asks for a turn when there is something that may be sent. */
  offer(): void {
    if (this.#offered || this.#closed || this.#transfers.length === 0 || this.#idle.length === 0) return
    this.#offered = true
    this.from.offer(this)
  }
}

/** A part of a transfer on its way through the links: uplink, the uplinks of two racks where they differ, downlink. */
class Quantum implements Due {
  readonly #queue: EventQueue
  readonly #flow: Flow
  #hop = 0
  bytes = 0
  startMs = 0
  /** The transfer whose last part this is. */
  ends: Transfer | undefined

  constructor(queue: EventQueue, flow: Flow) {
    this.#queue = queue
    this.#flow = flow
  }

  /** It has passed a link. */
  due(): void {
    const { from, to } = this.#flow
    const crosses = from.rack !== to.rack
    if (this.#hop === 0) {
      this.#hop = 1
      if (crosses && from.rack !== undefined) return this.#enter(from.rack, from.rack.up)
    }
    if (this.#hop === 1) {
      this.#hop = 2
      if (crosses && to.rack !== undefined) return this.#enter(to.rack, to.rack.down)
    }
    if (this.#hop === 2) {
      this.#hop = 3
      return this.#pass(to.down, this.#flow.delayMs)
    }
    this.#hop = 0
    this.#flow.arrived(this)
  }

  #enter(rack: Rack, pipe: Pipe): void {
    if (rack.isCut) rack.hold(() => this.#enter(rack, pipe))
    else this.#pass(pipe, 0)
  }

  #pass(pipe: Pipe, delayMs: number): void {
    const [fromMs, toMs] = pipe.serve(this.bytes, { startMs: this.startMs, nowMs: this.#queue.monotonic() })
    this.startMs = fromMs
    this.#queue.at(toMs + delayMs, this)
  }
}
