import type { Command } from 'commander'
import { addAclCommands } from './acl-command.ts'
import { addCaCommands } from './ca-command.ts'
import { addCompletionCommand } from './completion/completion-command.ts'
import { addContextCommands } from './context-command.ts'
import { addDiskCommands } from './disk-command.ts'
import { addDoctorCommand } from './doctor-command.ts'
import { addGroupCommands } from './group-command.ts'
import { addExitCodesHelp, teach } from './help.ts'
import { addImageCommands } from './image-command.ts'
import { addLoginCommand } from './login-command.ts'
import { addNamespaceCommands } from './namespace-command.ts'
import { addNodeCommands } from './node-command.ts'
import { addPlacementCommands } from './placement-command.ts'
import { addRepomanCommands } from './repoman/repoman-command.ts'
import { adviseHelp, rootCommand } from './root-command.ts'
import { addServiceCommands } from './service/service-command.ts'
import type { Shell } from './shell.ts'
import { addTestnetCommand } from './testnet-command.ts'
import { addTrackerCommands } from './tracker-command.ts'
import { addUserCommands } from './user-command.ts'
import { addVersionCommand } from './version-command.ts'
import { addWhoamiCommand } from './whoami-command.ts'

/** The whole command tree. Nothing is read or written before it is parsed. */
export function buildProgram(shell: Shell): Command {
  const program = rootCommand(shell)
  addImageCommands(program, shell)
  addDiskCommands(program, shell)
  addUserCommands(program, shell)
  addGroupCommands(program, shell)
  addNamespaceCommands(program, shell)
  addNodeCommands(program, shell)
  addPlacementCommands(program, shell)
  addAclCommands(program, shell)
  addTrackerCommands(program, shell)
  addCaCommands(program, shell)
  addLoginCommand(program, shell)
  addContextCommands(program, shell)
  addDoctorCommand(program, shell)
  addServiceCommands(program, shell)
  addTestnetCommand(program)
  addWhoamiCommand(program, shell)
  addRepomanCommands(program, shell)
  addCompletionCommand(program, shell)
  addVersionCommand(program, shell)
  addExitCodesHelp(program, shell)
  teach(program, [
    ['bootswarm testnet run mass-boot', 'see it work: a tracker and eight nodes on this machine'],
    ['bootswarm image push debian.img site/debian:12', 'publish a disk image'],
    ['bootswarm image pull site/debian:12', 'have the node of this machine fetch it from its peers'],
    ['bootswarm disk attach site/debian:12 --overlay vm1.qcow2', 'or give a machine a disk of it at once'],
  ])
  adviseHelp(program, 'bootswarm')
  return program
}
