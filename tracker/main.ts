import { pino } from 'pino'
import { loadTrackerConfig } from './config.ts'
import { startTracker } from './tracker.ts'

/** Two signals: the first asks to stop, the second one means at once. */
const SIGNALS = ['SIGTERM', 'SIGINT'] as const

/**
 * Runs a tracker until SIGTERM or SIGINT; returns the exit code. Logs JSON lines to standard error and prints one JSON
 * line to standard output when it is ready. Errors: those of loadTrackerConfig and startTracker.
 */
export async function serveTracker(init: { config: string }): Promise<number> {
  const config = await loadTrackerConfig(init.config)
  const log = pino({ level: config.log.level, base: null }, pino.destination({ dest: 2, sync: true }))
  const asked = firstSignal()
  const tracker = await startTracker({ log }, config)
  process.stdout.write(`${JSON.stringify({ ready: true, url: tracker.url })}\n`)
  await asked
  await tracker.stop()
  return 0
}

function firstSignal(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  let asked = false
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      if (asked) process.exit(1)
      asked = true
      resolve()
    })
  }
  return promise
}
