import type { Command } from 'commander'
import { packageVersion } from '../util/package-version.ts'
import { addFormatOption, type FormatFlags, printItem } from './output.ts'
import type { Shell } from './shell.ts'

export function addVersionCommand(program: Command, shell: Shell): void {
  const command = program.command('version').description('print the versions of Bootswarm and of its runtime')
  addFormatOption(command).action((flags: FormatFlags) => {
    const versions = {
      bootswarm: packageVersion(),
      node: process.version,
      platform: `${process.platform}-${process.arch}`,
    }
    printItem(shell, versions, {
      ...flags,
      text: (item) => `bootswarm ${item.bootswarm}, Node.js ${item.node}, ${item.platform}\n`,
      name: (item) => item.bootswarm,
    })
  })
}
