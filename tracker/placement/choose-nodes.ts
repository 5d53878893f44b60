import { digestOf } from '../../src/core/cid.ts'
import type { Labels } from '../catalog/node-catalog.ts'

/** A node that may get an image. */
export interface Candidate {
  readonly name: string
  readonly labels: Labels
  /** Last pass; null before the first. */
  readonly seenAtMs: number | null
  /** Whether it is known to hold all of the image. */
  readonly holds: boolean
}

/** Whether a node has all of the labels. */
export function hasLabels(labels: Labels, wanted: Labels): boolean {
  return Object.entries(wanted).every(([name, value]) => labels[name] === value)
}

/**
 * The nodes that get an image, in the order in which they get it: one of each rack in turn, so that the first nodes are everywhere and
 * no rack loses all copies at once. In a rack those that hold it come first, then those that were seen last; what is left is decided by
 * `salt`, so that different images go to different nodes. All of them without `copies`.
 */
export function chooseNodes<Node extends Candidate>(
  candidates: readonly Node[],
  init: { copies?: number | undefined; salt: string; recentMs: number },
): Node[] {
  const racks = new Map<string, Node[]>()
  for (const candidate of candidates) {
    const { site = '', zone = '', rack = '' } = candidate.labels
    const key = JSON.stringify([site, zone, rack])
    const rackmates = racks.get(key)
    if (rackmates === undefined) racks.set(key, [candidate])
    else rackmates.push(candidate)
  }
  const orderOf = (text: string) =>
    Buffer.from(digestOf(Buffer.from(`${init.salt}\n${text}`))).toString('hex')
  const rank = ({ holds, seenAtMs }: Candidate) => (holds ? 2 : (seenAtMs ?? 0) >= init.recentMs ? 1 : 0)
  const columns = [...racks]
    .sort(([one], [other]) => (orderOf(one) < orderOf(other) ? -1 : 1))
    .map(([, nodes]) => {
      const keyed = nodes.map((node) => ({ node, order: orderOf(node.name) }))
      keyed.sort((a, b) => rank(b.node) - rank(a.node) || (a.order < b.order ? -1 : 1))
      return keyed.map(({ node }) => node)
    })
  const longest = columns.reduce((most, { length }) => Math.max(most, length), 0)
  const chosen: Node[] = []
  for (let row = 0; row < longest; row++) {
    for (const column of columns) {
      const node = column[row]
      if (node !== undefined) chosen.push(node)
    }
  }
  return chosen.slice(0, init.copies ?? chosen.length)
}
