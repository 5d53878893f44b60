import type { Command } from 'commander'
import { addAclChanges } from './acl-change.ts'
import { addAclHistory } from './acl-history.ts'
import { addAclShow } from './acl-show.ts'
import { addAclVerify } from './acl-verify.ts'
import type { Shell } from './shell.ts'

export function addAclCommands(program: Command, shell: Shell): void {
  const acl = program
    .command('acl')
    .description('who may do what with a namespace or an image, as the tracker has signed it')
  addAclShow(acl, shell)
  addAclChanges(acl, shell)
  addAclHistory(acl, shell)
  addAclVerify(acl, shell)
}
