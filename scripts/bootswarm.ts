/**
 * Bin entry: joins the command line with the programs that it starts. Start it through `bootswarm.js`, which
 * finds a Node.js that is new enough. The programs are loaded only when they run, so that `image ls` does not load libp2p.
 */
import { type Programs, runCli } from '../src/cli/main.ts'

const programs: Programs = {
  initTracker: async (init) => (await import('../tracker/init.ts')).initTracker(init),
  serveTracker: async (init) => (await import('../tracker/main.ts')).serveTracker(init),
  serveNode: async (init) => (await import('../node/main.ts')).serveNode(init),
  enrolNode: async (init) => (await import('../node/main.ts')).enrolNode(init),
  examineNode: async (init) => (await import('../node/main.ts')).examine(init),
  servicePlaces: async ({ program, config }) =>
    program === 'node'
      ? (await import('../node/main.ts')).nodePlaces({ config })
      : (await import('../tracker/main.ts')).trackerPlaces({ config }),
  runTestnet: async (argv) => (await import('../testnet/main.ts')).runTestnet(argv),
}

// node:sqlite and others announce themselves as experimental; that is our concern, not the operator's.
process.removeAllListeners('warning')
process.on('warning', (warning) => {
  if (warning.name !== 'ExperimentalWarning')
    process.stderr.write(`bootswarm: ${warning.name}: ${warning.message}\n`)
})
// `bootswarm image ls | head -1` closes our standard output: nobody reads on, so stop without a word.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))

process.exit(await runCli(process.argv.slice(2), programs))
