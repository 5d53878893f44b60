import { seededRandom } from '../images/random.ts'
import { type Bound, distributionBound } from './bound.ts'
import type { Cast } from './cast.ts'
import { type Cost, costOf } from './cost.ts'
import { type Figures, figuresOf } from './figures.ts'
import { Flooder } from './flooder.ts'
import type { Incident, Scenario } from './scenarios.ts'
import type { SimNode } from './sim-node.ts'
import { type SimInit, Simulation } from './simulation.ts'

/** Bounds after which a simulation is over, however many nodes are not complete. */
const PATIENCE = 10
/** Points of the completion curve in the time of the bound. */
const POINTS = 100
/** Share of the nodes that are complete when late ones start. */
const LATE_AT = 0.9

export interface CurvePoint {
  readonly seconds: number
  /** Share of the image that a node holds, mean of all. */
  readonly held: number
  readonly complete: number
}

/** Everything that came out of one simulation. But for `cost` it depends on scenario and seed alone. */
export interface Played {
  readonly runs: number
  readonly scale: number
  readonly bound: Bound
  readonly figures: Figures
  readonly curve: readonly CurvePoint[]
  readonly cost: Cost
}

/** Runs one scenario to its end. Throws nothing: nodes that are not complete in ten times the bound are counted. */
export function play(scenario: Scenario, init: SimInit): Played {
  const begun = costOf()
  const stage = new Stage(scenario, init)
  stage.run()
  return {
    runs: stage.simulation.runs,
    scale: init.scale,
    bound: stage.bound,
    figures: figuresOf(stage.simulation, { bound: stage.bound, ...stage.cast }),
    curve: stage.curve,
    cost: costOf(begun, stage.simulation.queue.fired),
  }
}

class Stage {
  readonly simulation: Simulation
  readonly bound: Bound
  readonly curve: CurvePoint[] = []
  readonly #scenario: Scenario
  readonly #init: SimInit
  /** Of the scenario's own: what is random in it does not change with what the nodes draw. */
  readonly #random: () => number
  readonly #ordinary: SimNode[] = []
  readonly #late: SimNode[] = []
  #toCome: number

  constructor(scenario: Scenario, init: SimInit) {
    this.#scenario = scenario
    this.#init = init
    this.#random = seededRandom(init.seed ^ 0x5eed)
    this.bound = boundOf(init)
    this.simulation = new Simulation(init)
    const odd = scenario.odd === undefined ? 0 : 1
    this.#toCome = init.nodes + odd
    for (let i = 0; i < init.nodes + odd; i++) this.#enter(i)
    for (const incident of scenario.incidents ?? []) {
      this.simulation.queue.after(incident.at * this.bound.ms, () => this.#happen(incident))
    }
    this.#look()
  }

  get cast(): Cast {
    return { ordinary: this.#ordinary, late: this.#late }
  }

  run(): void {
    const { queue } = this.simulation
    const stop = () => this.#toCome === 0 && this.simulation.waitingFor === 0
    queue.run({ endMs: this.bound.ms * PATIENCE, stop })
    this.#note()
  }

  #enter(index: number): void {
    const { simulation } = this
    const { nodes, racks, rate, startSpreadMs } = this.#init
    const { odd, complete = 0, staggered = 0 } = this.#scenario
    const isOdd = odd !== undefined && index === nodes
    const slow = isOdd && 'rateShare' in odd ? odd.rateShare : 1
    const node = simulation.addNode(Math.floor((index * racks) / nodes) % racks, rate * slow)
    if (isOdd && 'manners' in odd) node.uploads.manners = odd.manners
    if (isOdd && 'stopsAt' in odd) {
      simulation.queue.after(odd.stopsAt * this.bound.ms, () => node.host.stop())
    }
    const atMs = staggered > 0 ? (index / nodes) * staggered * this.bound.ms : this.#random() * startSpreadMs
    simulation.queue.after(atMs, () => {
      this.#toCome--
      if (isOdd && 'floods' in odd) return this.#flood(node)
      const claims = isOdd && 'manners' in odd && odd.claims !== undefined
      if (index < complete || claims) {
        node.fill()
        simulation.tracker.announce(node)
      } else simulation.begin(node, { awaited: !isOdd })
    })
    if (!isOdd && index >= complete) this.#ordinary.push(node)
  }

  #flood(node: SimNode): void {
    const { queue, network, nodes } = this.simulation
    const directory = { find: (key: SimNode['key']) => this.simulation.find(key) }
    const flooder = new Flooder(
      { queue, network, host: node.host, directory },
      { key: node.key, wantBytes: this.simulation.wantBytes },
    )
    flooder.flood(this.simulation.origin.key)
    for (const other of nodes) if (other !== node) flooder.flood(other.key)
  }

  #happen(incident: Incident): void {
    const { simulation } = this
    if (incident.kind === 'tracker dies') {
      simulation.tracker.die()
      simulation.origin.die()
    } else if (incident.kind === 'nodes die') this.#killSome(incident.share)
    else if (incident.kind === 'rack cut off') simulation.racks[incident.rack]?.cutOff()
    else simulation.racks[incident.rack]?.heal()
  }

  #killSome(share: number): void {
    const left = [...this.#ordinary]
    for (let count = Math.round(left.length * share); count > 0; count--) {
      const [node] = left.splice(Math.floor(this.#random() * left.length), 1)
      if (node === undefined) return
      this.simulation.kill(node)
      this.#ordinary.splice(this.#ordinary.indexOf(node), 1)
    }
  }

  /** Looks at all of them a hundred times in the time of the bound; late ones start when most are complete. */
  #look(): void {
    this.#note()
    const { late = 0 } = this.#scenario
    const { queue } = this.simulation
    const point = this.curve.at(-1)
    if (late > this.#late.length && (point?.complete ?? 0) >= Math.floor(this.#ordinary.length * LATE_AT))
      this.#startLate(late)
    queue.after(this.bound.ms / POINTS, () => this.#look())
  }

  #startLate(count: number): void {
    for (let i = 0; i < count; i++) {
      const node = this.simulation.addNode(Math.floor((i * this.#init.racks) / count))
      this.#late.push(node)
      this.simulation.begin(node, { awaited: true })
    }
  }

  #note(): void {
    let held = 0
    let complete = 0
    for (const node of this.#ordinary) {
      held += node.downloads.heldRuns
      if (node.isComplete) complete++
    }
    const all = Math.max(1, this.#ordinary.length * this.simulation.runs)
    this.curve.push({ seconds: this.simulation.queue.now() / 1000, held: held / all, complete })
  }
}

function boundOf(init: SimInit): Bound {
  const { imageBytes, nodes, rate, originRate, racks, uplink } = init
  return distributionBound({
    ...{ bytes: imageBytes, nodes, originUp: originRate, nodeUp: rate, nodeDown: rate },
    racks: uplink === undefined ? undefined : { count: racks, uplink },
  })
}
