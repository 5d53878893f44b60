import type { Command } from 'commander'
import type { NodeEnrolment } from '../api/node-schemas.ts'
import { ERROR_TABLE } from '../core/errors.ts'
import { withNode } from './connect.ts'
import { teach } from './help.ts'
import { enrolmentText } from './node-status.ts'
import { addFormatOption, type FormatFlags, printItem } from './output.ts'
import { addSettingOptions, NODE_KEYS, type SettingFlags } from './settings.ts'
import { interruptible, type Shell } from './shell.ts'
import { formatFacts } from './table.ts'

type Flags = FormatFlags & SettingFlags & { config?: string }

const EXIT_CODES: Partial<Record<NodeEnrolment['state'], number>> = {
  revoked: ERROR_TABLE.E_NOT_AUTHORISED.exit,
  refused: ERROR_TABLE.E_NOT_AUTHORISED.exit,
  unknown: ERROR_TABLE.E_UNREACHABLE.exit,
}

export function addNodeEnroll(node: Command, shell: Shell): void {
  const command = node
    .command('enroll')
    .alias('enrol')
    .description('tell the tracker who this node is: its certificate, peer key and labels')
    .option(
      '--config <file>',
      'node.yaml of a node that does not run; else the daemon of this machine does it',
    )
  addFormatOption(command)
  addSettingOptions(command, NODE_KEYS)
  teach(command, [
    ['bootswarm node enroll', 'the daemon does so by itself when it starts; this asks again at once'],
    ['bootswarm node enroll --config /etc/bootswarm/node.yaml', 'before the daemon runs for the first time'],
  ])
  command.action((flags: Flags) =>
    interruptible('run it again', async (signal) => {
      const { config } = flags
      const enrolment = await (config === undefined
        ? withNode(shell, flags, (client) => client.enrol({ signal }))
        : shell.programs.enrolNode({ config }))
      printItem(shell, enrolment, { ...flags, text: describe, name: ({ name, state }) => name ?? state })
      shell.exitCode = EXIT_CODES[enrolment.state] ?? 0
    }),
  )
}

function describe(enrolment: NodeEnrolment): string {
  return formatFacts([['enrolment', enrolmentText(enrolment)]])
}
