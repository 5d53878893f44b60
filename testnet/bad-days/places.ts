import { setTimeout as sleep } from 'node:timers/promises'
import { joinSeconds } from '../swarm-run/report.ts'
import { shareOf } from '../swarm-run/swarm-run.ts'
import { allComplete, type BadDay, lastOf, notSlower, type Outcome, range, type Verdict } from './bad-day.ts'

/** Part of the time of one HTTP GET that the rack is cut off. */
const CUT_SHARE = 0.5
/** Far enough from each other that data of their own was left to swap. */
const SPREAD_MAX = 0.05
/** From the start of a late node to its first blocks: join, handshakes, manifest. */
const AT_ONCE_SECONDS = 3

/** What was seen while the rack was cut off. */
let seen: { cutSeconds: number; before: number[]; after: number[] } = { cutSeconds: 0, before: [], after: [] }

export const rackCut: BadDay = {
  name: 'rack-cut',
  what: 'the uplink of the last rack goes down at 30 %, for half of the time of a GET, and up again',
  goal: 'the rack shares what it has meanwhile, then completes; 25 % longer at most beside the cut',
  nodesMin: 4,
  racksMin: 2,
  async incident({ getSeconds }, { arena }) {
    const rack = arena.racks.at(-1)
    return {
      run: {
        incident: {
          at: 0.3,
          act: async ({ runners, field }) => {
            const inside = runners.filter(({ index }) => field.hosts[index]?.rack === rack?.name)
            const shares = () => inside.map(({ progress }) => shareOf(progress))
            const before = shares()
            await rack?.cut()
            await sleep(CUT_SHARE * getSeconds * 1000)
            seen = { cutSeconds: CUT_SHARE * getSeconds, before, after: shares() }
            await rack?.heal()
          },
        },
      },
      undo: async () => rack?.heal(),
    }
  },
  judge(outcome) {
    const beside = outcome.run.seconds - seen.cutSeconds
    return [allComplete(outcome, range(0, outcome.nodes)), ownData(), notSlower(outcome, 1.25, beside)]
  },
}

function ownData(): Verdict {
  const { before, after } = seen
  const spread = Math.max(...after) - Math.min(...after)
  const percent = (shares: readonly number[]) =>
    shares.map((share) => `${Math.round(100 * share)}%`).join(' ')
  return {
    goal: `nodes of the cut rack end up within ${100 * SPREAD_MAX} % of each other`,
    value: `${percent(before)} at the cut, ${percent(after)} before it healed`,
    ok: spread <= SPREAD_MAX,
  }
}

const half = (nodes: number) => Math.ceil(nodes / 2)

export const lateCrowd: BadDay = {
  name: 'late-crowd',
  what: 'half of the nodes start when the other half has 90 % of the image',
  goal: 'they get blocks within 3 s and need at most 1.25 of what the first half needed alone',
  nodesMin: 4,
  starters: ({ nodes }) => range(0, half(nodes)),
  async incident({ nodes }) {
    return {
      run: {
        starters: range(0, half(nodes)),
        incident: { at: 0.9, act: async (stage) => stage.start(range(half(nodes), nodes)) },
      },
    }
  },
  judge(outcome) {
    const late = range(half(outcome.nodes), outcome.nodes)
    const crowd = outcome.run.nodes.filter(({ name }) => late.some((index) => name === `node-${index + 1}`))
    const began = Math.min(...crowd.map(({ startSeconds }) => startSeconds))
    return [
      allComplete(outcome, range(0, outcome.nodes)),
      firstBlocks(crowd),
      {
        ...notSlower(outcome, 1.25, lastOf(outcome, late) - began),
        goal: 'the crowd: at most 1.25 of what the first half needed alone',
      },
      {
        ...notSlower(outcome, 1.1, lastOf(outcome, range(0, half(outcome.nodes)))),
        goal: 'the first half: at most 1.10',
      },
    ]
  },
}

function firstBlocks(crowd: Outcome['run']['nodes']): Verdict {
  const waits = crowd.map(
    (node) => (joinSeconds(node) ?? 0) + (node.pull?.milestones.firstBlocks ?? Number.NaN),
  )
  const longest = Math.max(...waits)
  return {
    goal: `first blocks within ${AT_ONCE_SECONDS} s`,
    value: `${longest.toFixed(2)} s`,
    ok: longest <= AT_ONCE_SECONDS,
  }
}
