import { NotFoundError } from '../../../src/core/errors.ts'
import type { Traffic } from '../arena.ts'
import { bucketOf } from '../shaping.ts'
import type { Topology } from '../topology.ts'
import { TokenBucket } from './token-bucket.ts'

interface Direction {
  readonly bucket: TokenBucket | undefined
  bytes: number
}

/** Both directions of a host's link or of a rack's uplink. */
interface Link {
  readonly up: Direction
  readonly down: Direction
}

interface Rack extends Link {
  /** Settles when the uplink is up; undefined while it is. */
  cut: PromiseWithResolvers<void> | undefined
}

/** Counters of every link, in the order of the topology. */
export interface LinkCounters {
  readonly hosts: readonly Traffic[]
  readonly racks: readonly Traffic[]
}

/** The way of bytes from one host to another; `undefined` stands for a program outside of the arena, whose link has no rate. */
export interface Path {
  /** Counts the bytes on every link of the way; returns when they have arrived, in the milliseconds of `nowMs`. */
  reserve(bytes: number, nowMs: number): number
  /** Undefined when nothing on the way is cut; else settles when that may have changed. */
  cut(): Promise<void> | undefined
}

/** The links of a topology: what shapes, counts and cuts. Knows no socket and no clock. */
export class ShapedNetwork {
  readonly #topology: Topology
  readonly #hosts: readonly Link[]
  readonly #racks: readonly Rack[]

  constructor(topology: Topology) {
    this.#topology = topology
    this.#hosts = topology.hosts.map(({ upBitsPerSecond, downBitsPerSecond }) => ({
      up: direction(upBitsPerSecond),
      down: direction(downBitsPerSecond),
    }))
    this.#racks = topology.racks.map(({ uplinkBitsPerSecond: rate }) => ({
      up: direction(rate),
      down: direction(rate),
      cut: undefined,
    }))
  }

  /** Hosts by their index. */
  path(from: number | undefined, to: number | undefined): Path {
    const ways: Direction[] = []
    const racks: Rack[] = []
    // Programs of one host reach each other without its link.
    if (from !== to) {
      const [fromRack, toRack] = [this.#rackOf(from), this.#rackOf(to)]
      if (from !== undefined) ways.push(this.#host(from).up)
      if (fromRack !== toRack) {
        if (fromRack !== undefined) ways.push(fromRack.up)
        if (toRack !== undefined) ways.push(toRack.down)
        for (const rack of [fromRack, toRack]) if (rack !== undefined) racks.push(rack)
      }
      if (to !== undefined) ways.push(this.#host(to).down)
    }
    return {
      reserve(bytes, nowMs) {
        let readyMs = nowMs
        for (const way of ways) {
          way.bytes += bytes
          if (way.bucket !== undefined) readyMs = Math.max(readyMs, way.bucket.reserve(bytes, nowMs))
        }
        return readyMs
      },
      cut: () => racks.find((rack) => rack.cut !== undefined)?.cut?.promise,
    }
  }

  setCut(rack: string, isCut: boolean): void {
    const found = this.#racks[this.#topology.racks.findIndex(({ name }) => name === rack)]
    if (found === undefined) throw new NotFoundError(`there is no rack ${rack}`)
    if (isCut) found.cut ??= Promise.withResolvers<void>()
    else {
      found.cut?.resolve()
      found.cut = undefined
    }
  }

  counters(): LinkCounters {
    const traffic = ({ up, down }: Link) => ({ sentBytes: up.bytes, receivedBytes: down.bytes })
    return { hosts: this.#hosts.map(traffic), racks: this.#racks.map(traffic) }
  }

  #host(index: number): Link {
    const host = this.#hosts[index]
    if (host === undefined) throw new NotFoundError(`there is no host ${index}`)
    return host
  }

  #rackOf(host: number | undefined): Rack | undefined {
    if (host === undefined) return undefined
    const name = this.#topology.hosts[host]?.rack
    return this.#racks[this.#topology.racks.findIndex((rack) => rack.name === name)]
  }
}

function direction(bitsPerSecond: number | undefined): Direction {
  const bucket = bitsPerSecond === undefined ? undefined : new TokenBucket(bucketOf(bitsPerSecond))
  return { bucket, bytes: 0 }
}
