import type { Command } from 'commander'
import { withNode } from './connect.ts'
import { teach } from './help.ts'
import { addFormatOption, type FormatFlags, printList } from './output.ts'
import { addSettingOptions, NODE_KEYS, type SettingFlags } from './settings.ts'
import { interruptible, type Shell } from './shell.ts'
import { formatBytes } from './units.ts'

export function addNodePeers(node: Command, shell: Shell): void {
  const command = node.command('peers').description('peers that this node has a channel with')
  addFormatOption(command)
  addSettingOptions(command, NODE_KEYS)
  teach(command, [['bootswarm node peers', 'who gives and who takes']])
  command.action((flags: FormatFlags & SettingFlags) =>
    interruptible('nothing was changed', async (signal) => {
      const peers = await withNode(shell, flags, (client) => client.peers({ signal }))
      printList(shell, peers, {
        ...flags,
        columns: [
          { title: 'peer', cell: ({ peer }) => peer },
          { title: 'node', cell: ({ node }) => node ?? '' },
          { title: 'kind', cell: ({ origin }) => (origin ? 'origin' : 'node') },
          { title: 'dialled', cell: ({ inbound }) => (inbound ? 'by them' : 'by us') },
          { title: 'images', cell: ({ manifests }) => String(manifests.length), right: true },
          { title: 'received', cell: ({ wireReceivedBytes }) => formatBytes(wireReceivedBytes), right: true },
          { title: 'sent', cell: ({ wireSentBytes }) => formatBytes(wireSentBytes), right: true },
        ],
        name: ({ peer }) => peer,
      })
    }),
  )
}
