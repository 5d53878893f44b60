import { type Command, Option } from 'commander'
import type { ChangeNodeBody, NodeView } from '../api/node-enrolment-schemas.ts'
import type { TrackerClient } from '../api/tracker-client.ts'
import { NODE_STATES, type NodeState } from '../core/permission.ts'
import { confirm } from './confirm.ts'
import { withTracker } from './connect.ts'
import { teach } from './help.ts'
import { labelText, parseLabels } from './labels.ts'
import { addFormatOption, type FormatFlags, printList } from './output.ts'
import { addSettingOptions, type SettingFlags, TRACKER_KEYS } from './settings.ts'
import { interruptible, type Shell } from './shell.ts'

/** Who may take part: what admins do at the tracker. */
export function addNodeAdministration(node: Command, shell: Shell): void {
  addLs(node, shell)
  addApprove(node, shell)
  addRevoke(node, shell)
  addLabel(node, shell)
  addRm(node, shell)
}

function atTracker<T>(
  shell: Shell,
  flags: SettingFlags,
  use: (client: TrackerClient, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  return interruptible('run it again', (signal) =>
    withTracker(shell, flags, ({ client }) => use(client, signal)),
  )
}

function addLs(parent: Command, shell: Shell): void {
  const command = parent
    .command('ls')
    .alias('list')
    .description('nodes of the site, as the tracker has them')
    .addOption(new Option('--state <state>', 'only those in this state').choices(NODE_STATES))
  addFormatOption(command)
  addSettingOptions(command, TRACKER_KEYS)
  teach(command, [['bootswarm node ls --state pending', 'who waits to be approved']])
  command.action((flags: FormatFlags & SettingFlags & { state?: NodeState }) =>
    atTracker(shell, flags, async (client, signal) => {
      const { state } = flags
      const nodes = await everyNode(client, { ...(state === undefined ? {} : { state }), signal })
      printList(shell, nodes, {
        ...flags,
        columns: [
          { title: 'name', cell: ({ name }) => name },
          { title: 'state', cell: (node) => node.state },
          { title: 'labels', cell: ({ labels }) => labelText(labels) },
          { title: 'last pass', cell: ({ seen }) => seen ?? 'never' },
          { title: 'certificate', cell: ({ dn }) => dn },
          { title: 'peer', cell: ({ peer }) => peer },
        ],
        name: ({ name }) => name,
      })
    }),
  )
}

/** Page by page. */
async function everyNode(
  client: TrackerClient,
  { signal, ...query }: { state?: NodeState; signal: AbortSignal },
): Promise<NodeView[]> {
  const nodes: NodeView[] = []
  for (;;) {
    const after = nodes.at(-1)?.name
    const page = await client.nodes({ ...query, ...(after === undefined ? {} : { after }) }, { signal })
    if (page.length === 0) return nodes
    nodes.push(...page)
  }
}

function addApprove(parent: Command, shell: Shell): void {
  const command = parent
    .command('approve')
    .argument('<node...>')
    .description('let pending nodes in, and revoked ones again')
  addSettingOptions(command, TRACKER_KEYS)
  teach(command, [['bootswarm node approve hv1', 'it gets a pass within seconds']])
  command.action((names: string[], flags: SettingFlags) =>
    changeAll(shell, flags, { names, change: { state: 'active' }, done: 'is active now' }),
  )
}

function addRevoke(parent: Command, shell: Shell): void {
  const command = parent
    .command('revoke')
    .argument('<node...>')
    .description('shut nodes out: at the tracker at once, at their peers when their passes end')
  addSettingOptions(command, TRACKER_KEYS)
  teach(command, [['bootswarm node revoke hv1', 'a host that was stolen or broken into']])
  command.action((names: string[], flags: SettingFlags) =>
    changeAll(shell, flags, { names, change: { state: 'revoked' }, done: 'is revoked' }),
  )
}

function addLabel(parent: Command, shell: Shell): void {
  const command = parent
    .command('label')
    .argument('<node>')
    .argument(
      '[label=value...]',
      'site, zone, rack; these replace all, and what the node says is ignored then',
    )
    .description('say where a node stands')
  addSettingOptions(command, TRACKER_KEYS)
  teach(command, [
    ['bootswarm node label hv1 site=north zone=a rack=17', 'peers of the same rack come first'],
  ])
  command.action((name: string, pairs: string[], flags: SettingFlags) => {
    const change = { labels: parseLabels(pairs) }
    return changeAll(shell, flags, {
      names: [name],
      change,
      done: `is ${labelText(change.labels) || 'without labels'}`,
    })
  })
}

function addRm(parent: Command, shell: Shell): void {
  const command = parent
    .command('rm')
    .alias('remove')
    .argument('<node>')
    .description('forget a node and what ACLs gave it; it may enrol again')
    .option('-y, --yes', 'do not ask')
  addSettingOptions(command, TRACKER_KEYS)
  command.action(async (name: string, flags: SettingFlags & { yes?: true }) => {
    if (flags.yes !== true) await confirm(shell, `the node ${name}`, { yes: '--yes' })
    await atTracker(shell, flags, (client, signal) => client.removeNode(name, { signal }))
    shell.terminal.stderr.write(`removed ${name}\n`)
  })
}

function changeAll(
  shell: Shell,
  flags: SettingFlags,
  init: { names: readonly string[]; change: ChangeNodeBody; done: string },
): Promise<void> {
  return atTracker(shell, flags, async (client, signal) => {
    for (const name of init.names) {
      await client.changeNode(name, init.change, { signal })
      shell.terminal.stderr.write(`${name} ${init.done}\n`)
    }
  })
}
