import { signalGroup } from '../processes.ts'
import type { Stage } from '../swarm-run/run-swarm.ts'
import { allComplete, type BadDay, lastOf, notSlower, type Outcome, range } from './bad-day.ts'

const OTHERS = 1.1

/** The node beyond those that count is not waited for. */
function judgeOthers(outcome: Outcome) {
  const others = range(0, outcome.nodes)
  return [allComplete(outcome, others), notSlower(outcome, OTHERS, lastOf(outcome, others))]
}

export const slowPeer: BadDay = {
  name: 'slow-peer',
  what: 'one more node has a link of 1 % of the rate',
  goal: 'the others stay within 10 %',
  nodesMin: 2,
  extra: 'node',
  extraRate: 0.01,
  incident: async ({ nodes }) => ({ run: { starters: range(0, nodes + 1), lost: [nodes] } }),
  judge: judgeOthers,
}

export const silentPeer: BadDay = {
  name: 'silent-peer',
  what: 'one more node is stopped (SIGSTOP) at 30 %: it answers nothing, and its connections stay',
  goal: 'the others stay within 10 %',
  nodesMin: 2,
  extra: 'node',
  async incident({ nodes }, { testnet }) {
    const silent = testnet.nodes[nodes]
    const signal = (name: NodeJS.Signals) => {
      if (silent !== undefined) signalGroup({ pid: silent.pid }, name)
    }
    return {
      run: {
        starters: range(0, nodes + 1),
        lost: [nodes],
        incident: { at: 0.3, act: async (_: Stage) => signal('SIGSTOP') },
      },
      undo: async () => signal('SIGCONT'),
    }
  },
  judge: judgeOthers,
}
