import type { Command } from 'commander'
import { teach } from './help.ts'
import type { Shell } from './shell.ts'

interface Flags {
  readonly dir: string
  readonly admin: string[]
  readonly listen?: string
  readonly certificate?: string
  readonly key?: string
  readonly ca?: string
}

export function addTrackerInit(tracker: Command, shell: Shell): void {
  const command = tracker
    .command('init')
    .description('write the configuration of a new tracker, and who its first admins are')
    .requiredOption('--admin <name,email,dn...>', 'a first admin; the e-mail address may be empty')
    .option('--dir <dir>', 'where tracker.yaml, admins.csv and data go; nothing is overwritten', '.')
    .option('--listen <host:port>', 'address of the interface', '0.0.0.0:8443')
    .option('--certificate <file>', 'PEM, from that folder', 'tracker.pem')
    .option('--key <file>', 'PEM, from that folder', 'tracker.key')
    .option('--ca <file>', 'authorities, PEM, from that folder', 'ca.pem')
  teach(command, [
    [
      'bootswarm tracker init --dir /etc/bootswarm --admin "alice,alice@example.org,/O=Example/OU=users/CN=alice"',
      'alice is the first admin; then serve it',
    ],
  ])
  command.action(async ({ admin, ...flags }: Flags) => {
    const path = await shell.programs.initTracker({ ...flags, admins: admin })
    shell.terminal.stdout.write(`${path}\n`)
    shell.terminal.stderr.write(
      `Put ${flags.certificate ?? ''}, ${flags.key ?? ''} and ${flags.ca ?? ''} beside it (bootswarm ca issue tracker), then: bootswarm tracker serve --config ${path}\n`,
    )
  })
}
