import { type Command, InvalidArgumentError, Option } from 'commander'
import { addLinkFlags } from './arena-flags.ts'
import { GUEST_KINDS, type LazyBootFlags, lazyBoot } from './lazy-boot.ts'

const EXAMPLES = `
Where control groups for the processor can be made, daemons come before guests, over local files and lazy disks alike.

Examples:
  $ bootswarm testnet lazy-boot --nodes 4 --rate 100mbit
  $ bootswarm testnet lazy-boot --nodes 4 --rate 100mbit --guests trace
  $ bootswarm testnet lazy-boot --nodes 4 --rate 35mbit --guest-cores 0.35
  $ bootswarm testnet lazy-boot --cut-link 20
`

/** `lazy-boot`. */
export function addLazyBoot(program: Command, outcome: { exitCode: number }): void {
  const command = program
    .command('lazy-boot')
    .description(
      'Debian guests boot over disks whose image has not arrived, alone and together, beside local files; exit code 1 when a goal is missed',
    )
    .addOption(
      new Option('--guests <kind>', 'machines of QEMU, or readers that repeat what one of them has read')
        .choices(GUEST_KINDS)
        .default('vm'),
    )
    .option(
      '--guest-cores <n>',
      'processor for each guest, such as 0.35, so that all of them find as much as one (default: what is there)',
      parseCores,
    )
    .option('--kill-daemon', 'one guest alone, whose node gets SIGKILL in mid-boot and is started again')
    .option('--cut-link <seconds>', 'one guest alone, whose node loses its link in mid-boot', parseSeconds)
    .addHelpText('after', EXAMPLES)
  addLinkFlags(command, { nodes: 4, racks: 1 }).action(async (flags: LazyBootFlags) => {
    outcome.exitCode = await lazyBoot(flags)
  })
}

function parseSeconds(text: string): number {
  const seconds = /^\d{1,3}$/.test(text) ? Number(text) : 0
  if (seconds >= 1) return seconds
  throw new InvalidArgumentError('give a number of seconds from 1 to 999.')
}

function parseCores(text: string): number {
  const cores = /^\d{1,2}(\.\d{1,2})?$/.test(text) ? Number(text) : 0
  if (cores >= 0.1) return cores
  throw new InvalidArgumentError('give a number of cores from 0.1 on.')
}
