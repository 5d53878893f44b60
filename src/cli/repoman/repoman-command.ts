import type { Command } from 'commander'
import { teach } from '../help.ts'
import type { Shell } from '../shell.ts'
import { addAccountVerbs } from './accounts.ts'
import { addImageVerbs } from './images.ts'
import { addListingVerbs } from './listing.ts'
import { addMakeConfigVerb } from './make-config.ts'
import { addSaveImageVerb } from './save-image.ts'

/** The verbs of Repoman's client, for people and scripts that know them. */
export function addRepomanCommands(program: Command, shell: Shell): void {
  const repoman = program
    .command('repoman')
    .description("the verbs of Repoman's client, with its flags, output and short names")
  addListingVerbs(repoman, shell)
  addImageVerbs(repoman, shell)
  addSaveImageVerb(repoman, shell)
  addAccountVerbs(repoman, shell)
  addMakeConfigVerb(repoman, shell)
  teach(repoman, [
    ["alias repoman='bootswarm repoman'", 'and existing scripts work'],
    ['bootswarm repoman make-config', "take over the settings of Repoman's client"],
    ['bootswarm repoman list-images --all --long', 'every image that you may read'],
  ])
}
