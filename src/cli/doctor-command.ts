import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { Finding } from '../api/finding.ts'
import { teach } from './help.ts'
import { addFormatOption, type FormatFlags, printItem } from './output.ts'
import type { Shell } from './shell.ts'
import { formatTable } from './table.ts'
import { printable } from './units.ts'

export function addDoctorCommand(program: Command, shell: Shell): void {
  const command = program
    .command('doctor')
    .description('look for what is wrong with this hypervisor: clock, certificates, network, disk, sockets')
    .option('--config <file>', 'node.yaml of its node', '/etc/bootswarm/node.yaml')
  addFormatOption(command)
  command.addHelpText(
    'after',
    `
Ends with 0 when nothing failed, warnings or not, else with 1. Changes nothing; run it as root, or as the user of the node.`,
  )
  teach(command, [
    ['bootswarm doctor', 'each check, and what to do about those that are not ok'],
    ['bootswarm doctor -o json', 'for a monitoring script'],
  ])
  command.action(async ({ config, ...flags }: FormatFlags & { config: string }) => {
    const findings = await shell.programs.examineNode({ config: resolve(config), clock: shell.clock })
    const failed = findings.filter(({ state }) => state === 'failure')
    printItem(shell, findings, {
      ...flags,
      text: describe,
      name: () => failed.map(({ check }) => check).join('\n'),
    })
    if (failed.length > 0) shell.exitCode = 1
  })
}

function describe(findings: readonly Finding[]): string {
  const table = formatTable(
    [
      { title: 'state', cell: ({ state }: Finding) => state },
      { title: 'check', cell: ({ check }: Finding) => check },
      { title: 'found', cell: ({ found }: Finding) => found },
    ],
    findings,
  )
  const advice = findings.flatMap(({ check, advice: text }) =>
    text === undefined ? [] : [printable(`${check}: ${text}`)],
  )
  return advice.length === 0
    ? table
    : `${table}\nWhat to do:\n${advice.map((line) => `  ${line}\n`).join('')}`
}
