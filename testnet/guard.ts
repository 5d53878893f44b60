import { rmSync } from 'node:fs'
import { type ProcessRef, signalGroup } from './processes.ts'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
const SIGNAL_NUMBERS = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 }

/** What must not outlive this process. */
export interface Guarded {
  /** Every process that was started and not seen to end. */
  processes(): Iterable<ProcessRef>
  /** Removed when this process ends. */
  readonly dir: string | undefined
  /** What else is to be undone, at once: nothing can be awaited. */
  release?(): void
}

const guarded = new Set<Guarded>()

/**
 * Ends `thing` with this process, however this process ends (save SIGKILL): at its exit, also by an uncaught
 * error, and on SIGINT, SIGTERM and SIGHUP. The returned function takes it off again.
 */
export function guard(thing: Guarded): () => void {
  if (guarded.size === 0) install()
  guarded.add(thing)
  return () => {
    guarded.delete(thing)
    if (guarded.size === 0) uninstall()
  }
}

function install(): void {
  process.on('exit', endAll)
  for (const signal of SIGNALS) process.on(signal, onSignal)
}

function uninstall(): void {
  process.off('exit', endAll)
  for (const signal of SIGNALS) process.off(signal, onSignal)
}

function onSignal(signal: (typeof SIGNALS)[number]): void {
  process.exit(128 + SIGNAL_NUMBERS[signal])
}

function endAll(): void {
  for (const thing of guarded) for (const ref of thing.processes()) signalGroup(ref, 'SIGKILL')
  for (const thing of guarded) thing.release?.()
  for (const { dir } of guarded)
    if (dir !== undefined) rmSync(dir, { recursive: true, force: true, maxRetries: 3 })
}
