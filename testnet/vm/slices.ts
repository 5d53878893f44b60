import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import {
  divide,
  enter,
  type Hierarchy,
  limit,
  ownGroup,
  processorHierarchy,
  removeGroup,
  weigh,
} from '../arena/cgroups.ts'
import { arenaStamp } from '../arena/leftovers.ts'
import { guard } from '../guard.ts'

/** Ten to one: a hypervisor has tens of cores, one of which its daemon finds free, where this machine has a few for several hypervisors. */
const SYSTEM_WEIGHT = 1000
const MACHINES_WEIGHT = 100
/** Of all of them together beside whatever else runs: as ten programs, which is about what they are. */
const ALL_WEIGHT = 1000
/** A guest that has used up its time waits no longer than this; the kernel takes nothing below 1 ms. */
const LIMIT_PERIOD_US = 10_000

interface SlicesInit {
  /** Processor for each guest, in cores; default: as much as it finds. */
  readonly guestCores?: number
}

/**
 * Guests in one control group, as systemd has its machine.slice; this process and the daemons that it starts in another, which comes first. One at a time.
 */
export interface Slices {
  readonly guestCores: number | undefined
  /** Puts a guest among the guests, in a group of its own. */
  admit(pid: number): void
  /** This process goes back to where it was; everybody else has to have ended. */
  close(): void
}

/** For people: who comes first on this machine. */
export function slicesText(slices: Slices | undefined): string {
  if (slices === undefined)
    return 'guests and daemons share the processors alike: no control groups can be made here'
  const limit =
    slices.guestCores === undefined ? '' : `, and a guest gets ${slices.guestCores} of a core at most`
  return `when they wait for a processor, daemons get ${SYSTEM_WEIGHT / MACHINES_WEIGHT} times what all guests get${limit}`
}

/** Undefined where this process may make no control groups for the processor. */
export function openSlices({ guestCores }: SlicesInit = {}): Slices | undefined {
  const hierarchy = processorHierarchy()
  if (hierarchy === undefined) return undefined
  const before = ownGroup(hierarchy)
  const base = join(hierarchy.dir, arenaStamp())
  const machines = join(base, 'machines')
  let unite = () => {}
  const leave = () => {
    if (ownGroup(hierarchy).startsWith(base)) enter(before, process.pid)
    removeGroup(base)
    unite()
  }
  try {
    mkdirSync(base)
    unite = divide(hierarchy, hierarchy.dir)
    makeGroups(hierarchy, { base, machines })
  } catch {
    leave()
    return undefined
  }
  const release = guard({ dir: undefined, processes: () => [], release: leave })
  let guests = 0
  return {
    guestCores,
    admit(pid) {
      const group = join(machines, `guest-${++guests}`)
      mkdirSync(group)
      if (guestCores !== undefined) limit(hierarchy, group, { cores: guestCores, periodUs: LIMIT_PERIOD_US })
      enter(group, pid)
    },
    close() {
      release()
      leave()
    },
  }
}

function makeGroups(hierarchy: Hierarchy, { base, machines }: { base: string; machines: string }): void {
  const system = join(base, 'system')
  divide(hierarchy, base)
  weigh(hierarchy, base, ALL_WEIGHT)
  for (const group of [system, machines]) mkdirSync(group)
  divide(hierarchy, machines)
  weigh(hierarchy, system, SYSTEM_WEIGHT)
  weigh(hierarchy, machines, MACHINES_WEIGHT)
  enter(system, process.pid)
}
