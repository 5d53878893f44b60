import { pino } from 'pino'
import { runDaemon } from '../src/util/daemon.ts'
import { loadTrackerConfig } from './config.ts'
import { startTracker } from './tracker.ts'

/**
 * Runs a tracker until SIGTERM or SIGINT; returns the exit code. Logs JSON lines to standard error and prints one JSON
 * line to standard output when it is ready. Errors: those of loadTrackerConfig and startTracker.
 */
export async function serveTracker(init: { config: string }): Promise<number> {
  const config = await loadTrackerConfig(init.config)
  const log = pino({ level: config.log.level, base: null }, pino.destination({ dest: 2, sync: true }))
  return await runDaemon(
    { log },
    () => startTracker({ log }, config),
    ({ url, httpUrl, peer, addresses }) => {
      process.stdout.write(`${JSON.stringify({ ready: true, url, httpUrl, peer, addresses })}\n`)
      return `tracker at ${url}`
    },
  )
}

/** Where the tracker of a configuration keeps what. Errors: those of loadTrackerConfig. */
export async function trackerPlaces(init: { config: string }) {
  const { dataDir, adminsFile } = await loadTrackerConfig(init.config)
  return { dataDir, writable: [], readable: adminsFile === undefined ? [] : [adminsFile] }
}
