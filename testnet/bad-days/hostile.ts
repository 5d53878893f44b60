import { BEHAVIOURS, type Behaviour } from '../hostile/behaviours.ts'
import { startHostile } from '../hostile/start-hostile.ts'
import { SWARM_IMAGE } from '../swarm-run/run-swarm.ts'
import { allComplete, type BadDay, notSlower, range } from './bad-day.ts'

/** One more host has a peer that keeps to no rule. */
export function hostileDay(behaviour: Behaviour): BadDay {
  return {
    name: behaviour,
    what: `one more peer ${BEHAVIOURS[behaviour]}`,
    goal: 'the others stay within 10 %, and what they have is the source',
    nodesMin: 2,
    extra: 'program',
    async incident({ nodes }, { arena, testnet, file }) {
      const host = arena.hosts[nodes + 1]
      if (host === undefined) return { run: {} }
      const stop = await startHostile(testnet, { host, behaviour, reference: SWARM_IMAGE, file })
      return { run: {}, undo: async () => stop() }
    },
    judge: (outcome) => [allComplete(outcome, range(0, outcome.nodes)), notSlower(outcome, 1.1)],
  }
}
