/** A part that runs between `start` and `stop`. `stop` may be called at any time, also twice. */
export interface Lifecycle {
  start(): Promise<void>
  stop(): Promise<void>
}
