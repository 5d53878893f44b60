import { type Column, formatTable } from '../../src/cli/table.ts'
import { formatBytes } from '../../src/cli/units.ts'
import type { Arena } from '../arena/arena.ts'
import type { HttpGet } from '../arena/http/http-get.ts'
import { formatRate } from '../arena/rates.ts'
import type { NodeRun, SwarmRun } from './swarm-run.ts'

const GIB = 1024 ** 3

/** What stands in the head of every report of an arena. */
export function arenaText({ kind, topology, congestionControl }: Arena): string {
  const [first] = topology.hosts
  const rate = first === undefined ? '' : `, origin ${formatRate(first.upBitsPerSecond)} up`
  const how = kind === 'namespaces' ? 'network namespaces, tc tbf' : 'LOOPBACK, shaped by a process of ours'
  return `arena: ${topology.hosts.length} hosts in ${topology.racks.length} racks${rate} (${how}, ${congestionControl})`
}

const text = (value: number | undefined, digits = 2) => (value === undefined ? '' : value.toFixed(digits))

const COLUMNS: readonly Column<NodeRun>[] = [
  { title: 'node', cell: ({ name }) => name },
  { title: 'rack', cell: ({ rack }) => rack },
  { title: 'start', right: true, cell: ({ startSeconds }) => text(startSeconds) },
  { title: 'join', right: true, cell: (node) => text(joinSeconds(node)) },
  { title: 'peer', right: true, cell: ({ pull }) => text(pull?.milestones.firstPeer) },
  { title: 'manifest', right: true, cell: ({ pull }) => text(pull?.milestones.manifest) },
  { title: 'blocks', right: true, cell: ({ pull }) => text(pull?.milestones.firstBlocks) },
  { title: '50 %', right: true, cell: ({ pull }) => text(pull?.milestones.half) },
  { title: '90 %', right: true, cell: ({ pull }) => text(pull?.milestones.ninetyPercent) },
  { title: 'all', right: true, cell: ({ pull }) => text(pull?.milestones.allRuns) },
  { title: 'seconds', right: true, cell: ({ seconds }) => text(seconds) },
  { title: 'from origin', right: true, cell: ({ pull }) => bytes(pull?.bytes.wireFromOrigin) },
  { title: 'from peers', right: true, cell: ({ pull }) => bytes(pull?.bytes.wireFromPeers) },
  { title: 'duplicate', right: true, cell: ({ pull }) => bytes(pull?.bytes.duplicate) },
  { title: 'sent', right: true, cell: ({ link }) => bytes(link.sentBytes) },
  { title: 'CPU s', right: true, cell: ({ cpuSeconds }) => text(cpuSeconds) },
  { title: 'result', cell: verdict },
]

/** What the command and the tracker took before the session began, which milestones count from. */
export function joinSeconds({ seconds, pull }: NodeRun): number | undefined {
  return seconds === undefined || pull === undefined ? undefined : Math.max(0, seconds - pull.seconds)
}

function bytes(value: number | undefined): string {
  return value === undefined ? '' : formatBytes(value)
}

function verdict({ failure, verified }: NodeRun): string {
  if (failure !== undefined) return failure.slice(0, 60)
  return verified === true ? 'identical' : 'DIFFERS'
}

/** What happened in one run, for people. */
export function swarmText(run: SwarmRun, get: HttpGet): string {
  const { seconds, nodes, fileBytes } = run
  const arrived = (nodes.length * fileBytes) / GIB
  const cpu = (value: number | undefined) => (value === undefined ? '?' : value.toFixed(1))
  const cross =
    run.crossRackCopies === undefined ? '' : `, ${run.crossRackCopies.toFixed(2)} copies left racks`
  return `${formatTable(COLUMNS, nodes)}last node ${seconds.toFixed(2)} s, ${(seconds / get.seconds).toFixed(3)} of one HTTP GET (${get.seconds.toFixed(2)} s, ${get.shareOfRate.toFixed(3)} of the rate)
origin: ${run.originLinkCopies.toFixed(3)} copies over its link, ${text(run.originCopies, 3) || '?'} by its own count${cross}; duplicate ${(100 * run.duplicateShare).toFixed(2)} %
CPU: tracker ${cpu(run.trackerCpuSeconds)} s, nodes ${cpu(run.nodesCpuSeconds)} s: ${cpu((run.nodesCpuSeconds ?? Number.NaN) / arrived)} s per GiB that a node received
`
}
