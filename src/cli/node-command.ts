import type { Command } from 'commander'
import { addNodeAdministration } from './node-administration.ts'
import { addNodeEnroll } from './node-enroll.ts'
import { addNodeGc } from './node-gc.ts'
import { addNodePeers } from './node-peers.ts'
import { addNodeSeed } from './node-seed.ts'
import { addNodeServe } from './node-serve.ts'
import { addNodeStatus } from './node-status.ts'
import { addNodeVerify } from './node-verify.ts'
import type { Shell } from './shell.ts'

export function addNodeCommands(program: Command, shell: Shell): void {
  const node = program
    .command('node')
    .description('the daemon of a hypervisor, and the hypervisors of the site')
  addNodeServe(node, shell)
  addNodeEnroll(node, shell)
  addNodeStatus(node, shell)
  addNodePeers(node, shell)
  addNodeGc(node, shell)
  addNodeVerify(node, shell)
  addNodeSeed(node, shell)
  addNodeAdministration(node, shell)
}
