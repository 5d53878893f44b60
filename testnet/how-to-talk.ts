import type { Testnet } from './handles.ts'
import { nodeName } from './layout.ts'
import { defaultTestnetDir } from './state.ts'

/** What to type to use a testnet that was left running. */
export function howToTalk(testnet: Testnet): string {
  const { layout, tracker, nodes } = testnet
  const dir = layout.dir === defaultTestnetDir() ? '' : ` --dir ${layout.dir}`
  const last = nodeName(Math.max(0, nodes.length - 1))
  return `The testnet runs: tracker ${tracker.url} and ${nodes.length} nodes, logs in ${layout.logs}.
Talk to it (contexts ${nodeName(0)} to ${last}, one for each node):
  export XDG_CONFIG_HOME=${layout.cliHome}
  bootswarm image ls
  bootswarm node status
  BOOTSWARM_CONTEXT=${last} bootswarm node peers
End it:
  bootswarm testnet down${dir}
`
}
