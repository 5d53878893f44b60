import type { Command } from 'commander'
import type { NodeEnrolment, NodeStatus } from '../api/node-schemas.ts'
import { withNode } from './connect.ts'
import { teach } from './help.ts'
import { addFormatOption, type FormatFlags, printItem } from './output.ts'
import { addSettingOptions, NODE_KEYS, type SettingFlags } from './settings.ts'
import { interruptible, type Shell } from './shell.ts'
import { formatFacts } from './table.ts'
import { formatBytes, formatSeconds, formatShare } from './units.ts'

export function addNodeStatus(node: Command, shell: Shell): void {
  const command = node.command('status').description('how this node is doing')
  addFormatOption(command)
  addSettingOptions(command, NODE_KEYS)
  teach(command, [['bootswarm node status -o json', 'for a monitoring script']])
  command.action((flags: FormatFlags & SettingFlags) =>
    interruptible('nothing was changed', async (signal) => {
      const status = await withNode(shell, flags, (client) => client.status({ signal }))
      printItem(shell, status, { ...flags, text: describe, name: ({ peer }) => peer })
    }),
  )
}

function describe(status: NodeStatus): string {
  const { tracker, enrolment, store, pulls } = status
  const running = pulls.map(({ manifest, state, bytes }) => {
    const done = formatShare(bytes.local + bytes.fetchedUncompressed, bytes.image)
    return ['pulling', `${manifest} ${state}, ${done}`] as const
  })
  return formatFacts([
    ['node', `${status.principal}, Bootswarm ${status.version}, up ${formatSeconds(status.uptimeSeconds)}`],
    ['peer', status.peer],
    ...status.addresses.map((address) => ['address', address] as const),
    ['tracker', `${tracker.url}, ${reachText(tracker.reachable)}`],
    ['enrolment', enrolmentText(enrolment)],
    ['store', `${store.blocks} blocks in ${formatBytes(store.storedBytes)}, ${status.images} images`],
    ['disks', disksText(status.disks)],
    ['peers', String(status.peers)],
    ['memory', formatBytes(status.residentBytes)],
    ...running,
  ])
}

/** What the tracker says of this node. */
export function enrolmentText({ state, name, reason, passUntil }: NodeEnrolment): string {
  const who = name === undefined ? state : `${name}, ${state}`
  const until = passUntil === undefined ? '' : `, pass until ${passUntil}`
  return `${who}${until}${reason === undefined ? '' : `: ${reason}`}`
}

function disksText({ attached, stalled, unavailable }: NodeStatus['disks']): string {
  const parts = [`${attached} attached`]
  if (stalled > 0) parts.push(`${stalled} stalled`)
  if (unavailable > 0) parts.push(`${unavailable} unavailable`)
  return parts.join(', ')
}

function reachText(reachable: boolean | undefined): string {
  if (reachable === undefined) return 'not asked yet'
  return reachable ? 'reachable' : 'out of reach'
}
