/**
 * A whole GSO segment of TCP (64 KiB and headers) must fit into the bucket, or tbf cuts it up in software, which costs CPU that the
 * programs need; two of them, so that one can wait while the other goes.
 */
const BURST_BYTES_MIN = 128 * 1024
/** A timer that is late by less than this costs nothing of the rate: the bucket fills meanwhile. Busy cores are late by a few ms. */
const BURST_MS = 5
/**
 * The longest that a byte waits in a full queue, as in the port of a switch with shallow buffers: enough for one TCP stream to keep
 * the link busy while it recovers from a loss, and far from adding a second.
 */
const QUEUE_MS = 30
/** A queue must hold GSO segments of several streams, or it drops whole windows: 42 ms at 100 Mbit/s. */
const QUEUE_BYTES_MIN = 512 * 1024

/** Below this, two GSO segments take longer than a disk: the bucket is small, and cutting segments up costs little. */
const SLOW_BITS_PER_SECOND = 20e6
const SLOW_BURST_BYTES = 16 * 1024
/** Half a second at 1 Mbit/s. */
const SLOW_QUEUE_BYTES_MIN = 64 * 1024
const SLOW_QUEUE_MS = 100

export interface Bucket {
  readonly bitsPerSecond: number
  readonly burstBytes: number
  /** Bytes that wait at most; more are dropped. */
  readonly queueBytes: number
}

/** The token bucket of one direction of a link. */
export function bucketOf(bitsPerSecond: number): Bucket {
  const bytesPerMs = bitsPerSecond / 8000
  if (bitsPerSecond < SLOW_BITS_PER_SECOND) {
    const queueBytes = Math.round(Math.max(SLOW_QUEUE_BYTES_MIN, SLOW_QUEUE_MS * bytesPerMs))
    return { bitsPerSecond, burstBytes: SLOW_BURST_BYTES, queueBytes }
  }
  return {
    bitsPerSecond,
    burstBytes: Math.round(Math.max(BURST_BYTES_MIN, BURST_MS * bytesPerMs)),
    queueBytes: Math.round(Math.max(QUEUE_BYTES_MIN, QUEUE_MS * bytesPerMs)),
  }
}

/** A line for `tc -batch`. */
export function tbfLine(device: string, bucket: Bucket): string {
  const { bitsPerSecond, burstBytes, queueBytes } = bucket
  return `qdisc add dev ${device} root tbf rate ${bitsPerSecond}bit burst ${burstBytes} limit ${queueBytes}`
}
