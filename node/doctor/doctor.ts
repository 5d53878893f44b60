import type { Finding } from '../../src/api/finding.ts'
import { NodeClient } from '../../src/api/node-client.ts'
import type { NodeStatus } from '../../src/api/node-schemas.ts'
import type { Clock } from '../../src/core/clock.ts'
import { ConfigError } from '../../src/core/errors.ts'
import { loadNodeConfig, type NodeConfig } from '../config.ts'
import { checkCertificate, checkTrust } from './certificates.ts'
import {
  checkControlSocket,
  checkDisks,
  checkEnrolment,
  checkLeftovers,
  checkOpenFiles,
  checkPeers,
} from './daemon.ts'
import { checkDataDirectory, checkFreeSpace } from './data-directory.ts'
import { type Check, failure, messageOf, ok } from './examination.ts'
import { checkGroup, checkLabels, checkQemu } from './host.ts'
import { checkOwners } from './owners.ts'
import { checkAnnounced, checkListening } from './ports.ts'
import { checkNames, checkTracker } from './tracker.ts'

/** One check: a few round trips to a tracker that is slow. */
const CHECK_TIMEOUT_MS = 10_000
/** The daemon answers from memory. */
const STATUS_TIMEOUT_MS = 3_000

type Named = readonly [
  name: string,
  check: (...parameters: Parameters<Check>) => Promise<Finding | Finding[]>,
]

const CHECKS: readonly Named[] = [
  ['certificate', checkCertificate],
  ['authorities', checkTrust],
  ['dns', checkNames],
  ['tracker', checkTracker],
  ['socket', checkControlSocket],
  ['enrolment', checkEnrolment],
  ['peers', checkPeers],
  ['disks', checkDisks],
  ['ports', checkListening],
  ['address', checkAnnounced],
  ['data', checkDataDirectory],
  ['space', checkFreeSpace],
  ['owners', checkOwners],
  ['leftovers', checkLeftovers],
  ['files', checkOpenFiles],
  ['group', checkGroup],
  ['qemu', checkQemu],
  ['labels', checkLabels],
]

/**
 * Looks at everything that a node needs of its host, each check for ten seconds at most. Changes nothing but a file that it
 * makes in the data directory and removes. Never throws: what goes wrong is a finding.
 */
export async function examineNode(
  init: { config: string; timeoutMs?: number },
  components: { clock: Clock },
): Promise<Finding[]> {
  let config: NodeConfig
  try {
    config = await loadNodeConfig(init.config)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return [failure('configuration', error.message, 'Correct the file; the guide has an example.')]
  }
  const { timeoutMs = CHECK_TIMEOUT_MS } = init
  const status = statusOf(config)
  const findings = await Promise.all(
    CHECKS.map(([name, check]) =>
      bounded(name, timeoutMs, (signal) => check({ config, signal, status, ...components })),
    ),
  )
  return [ok('configuration', init.config), ...findings.flat()]
}

async function bounded(
  name: string,
  timeoutMs: number,
  check: (signal: AbortSignal) => Promise<Finding | Finding[]>,
): Promise<Finding | Finding[]> {
  const { promise, resolve } = Promise.withResolvers<Finding>()
  const controller = new AbortController()
  const timer = setTimeout(() => {
    const found = `nothing is known after ${timeoutMs / 1000} s`
    resolve(failure(name, found, 'Something that this check asks does not answer: network, disk or DNS.'))
    controller.abort()
  }, timeoutMs)
  const looked = check(controller.signal).catch((error: unknown) =>
    failure(name, `could not be checked: ${messageOf(error)}`, 'Run it as root, or as the user of the node.'),
  )
  return await Promise.race([looked, promise]).finally(() => clearTimeout(timer))
}

async function statusOf({ control }: NodeConfig): Promise<NodeStatus | undefined> {
  const client = new NodeClient(control)
  try {
    return await client.status({ signal: AbortSignal.timeout(STATUS_TIMEOUT_MS) })
  } catch {
    return undefined
  } finally {
    await client.close()
  }
}
