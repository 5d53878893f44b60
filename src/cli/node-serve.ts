import type { Command } from 'commander'
import { teach } from './help.ts'
import type { Shell } from './shell.ts'

export function addNodeServe(node: Command, shell: Shell): void {
  const serve = node
    .command('serve')
    .description('run a node until SIGTERM or Ctrl-C')
    .requiredOption('--config <file>', 'node.yaml')
    .action(async ({ config }: { config: string }) => {
      shell.exitCode = await shell.programs.serveNode({ config })
    })
  serve.addHelpText(
    'after',
    `
Logs JSON lines on standard error and prints one JSON line on standard output when it is ready.
A minimal node.yaml:

  dataDir: /var/lib/bootswarm/node
  tracker: { url: https://tracker.example:8443 }
  identity: { certificate: node.pem, key: node.key, ca: ca.pem }
  p2p: { listen: [/ip4/0.0.0.0/tcp/4002] }
  control: { socket: /run/bootswarm/node.sock }

What it sends and receives is limited by exchange.rates, for example:

  exchange: { rates: { uploadBytesPerSecond: 50 MB, background: { downloadBytesPerSecond: 10 MB } } }`,
  )
  teach(serve, [['bootswarm node serve --config /etc/bootswarm/node.yaml', 'start the node']])
}
