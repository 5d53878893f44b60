/** What the figures of a command mean, as its `--help` says it; docs/guides/testnet.md says more. */
type Figures = readonly (readonly [name: string, meaning: string])[]

export const COMPARE_FIGURES: Figures = [
  ['last node, median node', 'seconds from the common start until that node had the whole file'],
  ['last/GET', 'time of the last node over that of one HTTP GET of the same bytes, in the same run'],
  ['wire/node', "bytes that a node's link received, headers included; mean of all nodes"],
  ['origin copies', "bytes that left the origin's link, in copies"],
  ['from peers', 'share of the received bytes that came from other nodes'],
  ['duplicates', "share of the received bytes that was not needed, by the system's own count"],
  ['cross-rack copies', 'bytes that left a rack, each counted once, in copies: both ways'],
  [
    'into each further rack',
    "bytes that came into a rack other than the origin's, mean of these racks, in copies",
  ],
  ['cpu', 'user and system time of all processes of the system, while the clock ran'],
]

export const SWARM_FIGURES: Figures = [
  ['start', 'when the node was told to pull, in seconds since the common start'],
  ['join', 'seconds from the request until the session began'],
  [
    'peer … all',
    'seconds of the session until the first peer, the manifest, the first blocks, and 50, 90, 100 % of the runs',
  ],
  ['seconds', 'the whole pull'],
  ['from origin, from peers, duplicate', "wire bytes by the node's own count"],
  ['sent', "bytes that the host's link sent"],
  ['CPU s', 'user and system time of the daemon'],
  ['result', 'whether its export is the source, byte for byte'],
]

export const SIM_FIGURES: Figures = [
  ['bound', 'the time that no protocol beats: of the rates of origin, nodes and racks'],
  ['over bound', "a node's time from its own start over the bound, as percentiles of the nodes"],
  ['origin', 'what it sent, in copies'],
  ['duplicates', 'share of the received bytes that was not needed'],
  ['each node', 'requests to the tracker, and messages, on average'],
]

/** Lines for `addHelpText('after', …)`. */
export function figuresHelp(figures: Figures): string {
  const width = Math.max(...figures.map(([name]) => name.length))
  const lines = figures.map(([name, meaning]) => `  ${name.padEnd(width)}  ${meaning}`)
  return `\nFigures:\n${lines.join('\n')}\n`
}
