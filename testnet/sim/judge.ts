import type { Figures } from './figures.ts'
import { type Played, play } from './play.ts'
import type { Goal, Scenario } from './scenarios.ts'
import type { SimInit } from './simulation.ts'

export interface Verdict extends Goal {
  readonly value: number
  readonly met: boolean
}

export interface Judged {
  readonly played: Played
  /** The same without incidents and odd nodes, where a goal compares with it. */
  readonly plain: Played | undefined
  readonly verdicts: readonly Verdict[]
}

/** Plays a scenario and holds it against its goals. */
export function judge(scenario: Scenario, init: SimInit): Judged {
  const compares = scenario.goals.some(({ measure }) => measure === 'lastOverPlain')
  const { odd: _odd, incidents: _incidents, ...plainScenario } = scenario
  const plain = compares ? play(plainScenario, init) : undefined
  const played = play(scenario, init)
  const verdicts = scenario.goals.map((goal) => {
    const value = figureOf(goal, played.figures, plain?.figures)
    return { ...goal, value, met: value <= goal.atMost }
  })
  return { played, plain, verdicts }
}

function figureOf({ measure }: Goal, figures: Figures, plain: Figures | undefined): number {
  if (measure === 'lastOverPlain') return figures.last / (plain?.last ?? Number.NaN)
  return figures[measure] ?? Number.NaN
}
