import { pino } from 'pino'
import { firstSignal } from '../src/util/signals.ts'
import { loadNodeConfig } from './config.ts'
import { startNode } from './node.ts'

/**
 * Runs a node until SIGTERM or SIGINT; returns the exit code. Logs JSON lines to standard error and prints one JSON
 * line to standard output when it is ready. Errors: those of loadNodeConfig and startNode.
 */
export async function serveNode(init: { config: string }): Promise<number> {
  const config = await loadNodeConfig(init.config)
  const log = pino({ level: config.log.level, base: null }, pino.destination({ dest: 2, sync: true }))
  const asked = firstSignal()
  const node = await startNode({ log }, config)
  const { socket, peer, addresses } = node
  process.stdout.write(`${JSON.stringify({ ready: true, socket, peer, addresses })}\n`)
  await asked
  await node.stop()
  return 0
}
