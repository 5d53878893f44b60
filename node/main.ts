import { pino } from 'pino'
import type { Finding } from '../src/api/finding.ts'
import type { NodeEnrolment } from '../src/api/node-schemas.ts'
import type { Clock } from '../src/core/clock.ts'
import { runDaemon } from '../src/util/daemon.ts'
import { loadNodeConfig } from './config.ts'
import { warnOfClosedSockets } from './disk/socket-reach.ts'
import { examineNode } from './doctor/doctor.ts'
import { enrolOnce } from './enrol-once.ts'
import { startNode } from './node.ts'

/**
 * Runs a node until SIGTERM or SIGINT; returns the exit code. Logs JSON lines to standard error and prints one JSON
 * line to standard output when it is ready. Errors: those of loadNodeConfig and startNode.
 */
export async function serveNode(init: { config: string }): Promise<number> {
  const config = await loadNodeConfig(init.config)
  const log = pino({ level: config.log.level, base: null }, pino.destination({ dest: 2, sync: true }))
  return await runDaemon(
    { log },
    async () => {
      const node = await startNode({ log }, config)
      await warnOfClosedSockets({ log }, { directory: config.disk.socketDirectory })
      return node
    },
    ({ socket, peer, addresses }) => {
      process.stdout.write(`${JSON.stringify({ ready: true, socket, peer, addresses })}\n`)
      return `peer ${peer}, control socket ${socket}`
    },
  )
}

/** Enrols the node of a configuration that need not run. Errors: those of loadNodeConfig, CertificateError. */
export async function enrolNode(init: { config: string }): Promise<NodeEnrolment> {
  return await enrolOnce(await loadNodeConfig(init.config))
}

/** Where the node of a configuration keeps what. Errors: those of loadNodeConfig. */
export async function nodePlaces(init: { config: string }) {
  const config = await loadNodeConfig(init.config)
  return {
    dataDir: config.dataDir,
    writable: config.export.directories.filter((path) => !path.startsWith(`${config.dataDir}/`)),
    sockets: { control: config.control.socket, disks: config.disk.socketDirectory },
  }
}

/** What a node of this configuration finds on its host: `bootswarm doctor`. */
export async function examine({ config, clock }: { config: string; clock: Clock }): Promise<Finding[]> {
  return await examineNode({ config }, { clock })
}
