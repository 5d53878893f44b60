import { setTimeout as sleep } from 'node:timers/promises'
import { SWARM_IMAGE } from '../swarm-run/run-swarm.ts'
import { withNode } from '../with-node.ts'
import { allComplete, type BadDay, lastOf, notSlower, originCopies, range } from './bad-day.ts'

const KILLED_SHARE = 0.3
const killedOf = (nodes: number) => Math.max(1, Math.round(KILLED_SHARE * nodes))
/** How long the tracker is away: longer than a request waits for it. */
const AWAY_MS = 5_000

export const peersKilled: BadDay = {
  name: 'peers-killed',
  what: '30 % of the nodes get SIGKILL when half of the image is there',
  goal: 'the others: at most 25 % longer, origin at most 1.3 copies',
  nodesMin: 3,
  async incident({ nodes }) {
    const lost = range(nodes - killedOf(nodes), nodes)
    return {
      run: {
        lost,
        incident: {
          at: 0.5,
          act: async ({ field }) => {
            await Promise.all(lost.map((index) => field.testnet.nodes[index]?.kill()))
          },
        },
      },
    }
  },
  judge(outcome) {
    const others = range(0, outcome.nodes - killedOf(outcome.nodes))
    return [
      allComplete(outcome, others),
      notSlower(outcome, 1.25, lastOf(outcome, others)),
      originCopies(outcome, 1.3),
    ]
  },
}

/** All but the last node, which has the image beforehand. */
const allButSeed = ({ nodes }: { nodes: number }) => range(0, nodes - 1)

export const trackerKilled: BadDay = {
  name: 'tracker-killed',
  what: 'the last node has the image beforehand; the tracker gets SIGKILL at 20 % and stays away',
  goal: 'everybody finishes',
  nodesMin: 2,
  starters: allButSeed,
  prepare: async ({ testnet }) => {
    const seed = testnet.nodes.at(-1)
    if (seed !== undefined) await withNode(seed, (client) => client.pull(SWARM_IMAGE))
  },
  async incident(init) {
    const act = ({ field }: { field: { testnet: { tracker: { kill(): Promise<void> } } } }) =>
      field.testnet.tracker.kill()
    return { run: { starters: allButSeed(init), incident: { at: 0.2, act } } }
  },
  judge: (outcome) => [allComplete(outcome, allButSeed(outcome))],
}

export const trackerRestarted: BadDay = {
  name: 'tracker-restarted',
  what: 'nobody has the image; the tracker gets SIGKILL at 20 % and is started again after 5 s',
  goal: 'everybody finishes',
  nodesMin: 2,
  async incident() {
    return {
      run: {
        incident: {
          at: 0.2,
          act: async ({ field: { testnet } }) => {
            await testnet.tracker.kill()
            await sleep(AWAY_MS)
            await testnet.tracker.restart()
          },
        },
      },
    }
  },
  judge: (outcome) => [allComplete(outcome, range(0, outcome.nodes))],
}
