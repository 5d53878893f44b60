import type { Command } from 'commander'
import { teach } from './help.ts'
import type { Shell } from './shell.ts'

export function addTrackerServe(tracker: Command, shell: Shell): void {
  const serve = tracker
    .command('serve')
    .description('run a tracker until SIGTERM or Ctrl-C')
    .requiredOption('--config <file>', 'tracker.yaml')
    .action(async ({ config }: { config: string }) => {
      shell.exitCode = await shell.programs.serveTracker({ config })
    })
  serve.addHelpText(
    'after',
    `
Logs JSON lines on standard error and prints one JSON line on standard output when it is ready.
A minimal tracker.yaml:

  dataDir: /var/lib/bootswarm/tracker
  listen: 0.0.0.0:8443
  identity: { certificate: tracker.pem, key: tracker.key, ca: ca.pem }
  p2p: { listen: [/ip4/0.0.0.0/tcp/4001] }
  admins: ["/O=Example/CN=Alice"]

What its peer sends is limited by exchange.rates, for example:

  exchange: { rates: { uploadBytesPerSecond: 100 MB, fallbackBytesPerSecond: 20 MB } }`,
  )
  teach(serve, [['bootswarm tracker serve --config /etc/bootswarm/tracker.yaml', 'start the tracker']])
}
