import { type Column, formatTable } from '../../src/cli/table.ts'
import { formatBytes } from '../../src/cli/units.ts'
import type { Verdict } from '../bad-days/bad-day.ts'
import type { Boot, LazyBoot } from './boots.ts'
import type { LazyBootRun } from './lazy-boot.ts'

/** What must be reached; ratios are over the local file in the same run unless they say otherwise. */
const SECONDS_MAX = 1.2
const PLAIN_SECONDS_MAX = 1.8
const FETCHED_MAX = 1.3
const TOGETHER_MAX = 1.3
const ORIGIN_COPIES_MAX = 1.2
const FIRST_BYTE_MS_MAX = 100
const RESIDENT_MB_MAX = 300

const MB = 1_000_000

interface Line {
  readonly what: string
  readonly boots: readonly (Boot | LazyBoot)[]
  readonly originBytes?: number
}

const COLUMNS: readonly Column<Line>[] = [
  { title: 'boot', cell: ({ what }) => what },
  { title: 'guests', right: true, cell: ({ boots }) => String(boots.length) },
  { title: 'seconds', right: true, cell: ({ boots }) => lastOf(boots).toFixed(2) },
  { title: 'attach', right: true, cell: ({ boots }) => milliseconds(largest(boots, 'attachSeconds')) },
  { title: 'guest reads', right: true, cell: ({ boots }) => String(largest(boots.map(readsOf), 'requests')) },
  { title: 'read', right: true, cell: ({ boots }) => bytesText(largest(boots.map(readsOf), 'bytes')) },
  { title: 'fetched', right: true, cell: ({ boots }) => bytesText(largest(boots, 'fetchedBytes')) },
  { title: 'profile used', right: true, cell: ({ boots }) => usedText(boots) },
  { title: 'over the link', right: true, cell: ({ boots }) => bytesText(largest(boots, 'receivedBytes')) },
  { title: 'origin sent', right: true, cell: ({ originBytes }) => bytesText(originBytes) },
]

/** One line for each kind of boot; of several guests the largest of every figure. */
export function lazyBootText({ local, copy, lazy }: LazyBootRun): string {
  return formatTable(COLUMNS, [
    { what: 'local file', boots: local.alone },
    { what: 'local file', boots: local.together },
    { what: 'whole copy first', boots: copy },
    { what: 'lazy disk', ...lazy.plain },
    { what: 'with a profile', ...lazy.alone },
    { what: 'with a profile', ...lazy.together },
  ])
}

export function lazyBootVerdicts({ local, lazy, ...run }: LazyBootRun): Verdict[] {
  const [alone, together] = [lastOf(lazy.alone.boots), lastOf(lazy.together.boots)]
  const plain = lastOf(lazy.plain.boots)
  const [localAlone, localTogether] = [lastOf(local.alone), lastOf(local.together)]
  const each = [...lazy.plain.boots, ...lazy.alone.boots]
  const worst = Math.max(...each.map(({ fetchedBytes, reads }) => fetchedBytes / reads.bytes))
  const guests = lazy.together.boots.length
  const { firstByteSeconds, residentBytes, disks } = run
  const resident = (residentBytes ?? Number.NaN) / MB
  return [
    atMost(SECONDS_MAX, alone / localAlone, 'time to the login prompt with a profile over a local file'),
    atMost(PLAIN_SECONDS_MAX, plain / localAlone, 'the same without a profile'),
    atMost(FETCHED_MAX, worst, 'bytes fetched before the prompt over what the guest read'),
    {
      ...atMost(TOGETHER_MAX, together / alone, `${guests} guests on ${guests} nodes over one guest`),
      value: besideMachine(together / alone, localTogether / localAlone),
    },
    atMost(
      ORIGIN_COPIES_MAX,
      lazy.together.originBytes / lazy.alone.originBytes,
      `bytes from the origin for ${guests} guests over those for one`,
    ),
    atMost(FIRST_BYTE_MS_MAX, firstByteSeconds * 1000, 'attach to first byte in a warm swarm, ms'),
    atMost(RESIDENT_MB_MAX, resident, `resident memory of a daemon with ${disks} disks, MB`),
  ]
}

/** What local files take, with no software of ours, is what the processors of this machine make of so many guests. */
function besideMachine(ratio: number, machine: number): string {
  return `${ratio.toFixed(2)} (over local files, by the machine alone: ${machine.toFixed(2)}; over that: ${(ratio / machine).toFixed(2)})`
}

function atMost(bound: number, value: number, what: string): Verdict {
  return { goal: `${what} ≤ ${bound}`, value: value.toFixed(value < 10 ? 2 : 0), ok: value <= bound }
}

const readsOf = ({ reads }: Boot) => reads

/** When the last of them was at its prompt. */
function lastOf(boots: readonly Boot[]): number {
  return Math.max(...boots.map(({ seconds }) => seconds))
}

/** The least share of what a profile covered that a guest has read. */
function usedText(boots: readonly (Boot | LazyBoot)[]): string {
  const shares = boots.flatMap((boot) => {
    const { profileBytes = 0, usedBytes = 0 } = ('profile' in boot ? boot.profile : undefined) ?? {}
    return profileBytes === 0 ? [] : [usedBytes / profileBytes]
  })
  return shares.length === 0 ? '' : `${Math.floor(100 * Math.min(...shares))} %`
}

function largest(things: readonly object[], key: string): number | undefined {
  const values = things.map((thing) => (thing as Record<string, unknown>)[key])
  const numbers = values.filter((value) => typeof value === 'number')
  return numbers.length === 0 ? undefined : Math.max(...numbers)
}

const bytesText = (bytes: number | undefined) => (bytes === undefined ? '' : formatBytes(bytes))
const milliseconds = (seconds: number | undefined) =>
  seconds === undefined ? '' : `${(seconds * 1000).toFixed(0)} ms`
