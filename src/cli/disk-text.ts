import type { DiskFigures, DiskObject } from '../api/disk-schemas.ts'
import { formatFacts } from './table.ts'
import { formatBytes, formatSeconds, formatShare } from './units.ts'

export function imageOf({ namespace, image, version }: DiskObject): string {
  return `${namespace}/${image}@${version}`
}

/** Share of the image that is here; nothing while the disk is unavailable. */
export function shareHere({ complete, figures }: DiskObject): string {
  if (complete) return '100 %'
  return figures === undefined ? '' : formatShare(figures.runs.held, figures.runs.total)
}

/** Milliseconds below a second: reads take that long. */
export function formatWait(seconds: number): string {
  if (seconds >= 1) return formatSeconds(seconds)
  const ms = seconds * 1000
  return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`
}

const filledText = ({ fillReason }: DiskObject) =>
  fillReason === undefined ? 'is fetched in the background' : `waits: ${fillReason}`

/** One disk with everything that is known of it. */
export function describeDisk(disk: DiskObject): string {
  const { name, reference, size, state, reason, fill, onLoss, socket, connections, attachedAt } = disk
  return formatFacts([
    ['disk', name],
    ['image', `${imageOf(disk)}, attached as ${reference}, ${formatBytes(size)}`],
    ['manifest', disk.manifest],
    ['state', reason === undefined ? state : `${state}: ${reason}`],
    ['here', shareHere(disk) || undefined],
    ['rest', disk.complete ? undefined : fill ? filledText(disk) : 'is fetched when it is read'],
    ['on loss', onLoss === 'wait' ? 'reads wait' : 'reads fail after a while'],
    ['socket', socket],
    ['export', disk.export],
    ['clients', String(connections)],
    ['attached', new Date(attachedAt).toISOString()],
    ...figureFacts(disk),
  ])
}

function bootText({ profileBytes, usedBytes, fetchedBytes, reads, hits }: DiskFigures['boot']): string {
  const covered = reads === 0 ? 'no reads so far' : `${formatShare(hits, reads)} of the reads covered`
  return `${formatBytes(profileBytes)}, ${formatShare(usedBytes, profileBytes)} of it read; ${covered}; ${formatBytes(fetchedBytes)} fetched for it`
}

function figureFacts({ figures }: DiskObject): (readonly [string, string | undefined])[] {
  if (figures === undefined) return []
  const { reads, readBytes, waits, waitSeconds, stalls, errors, damagedBlocks } = figures
  const { p50, p95, p99, max } = waitSeconds
  const wire = figures.peerBytes + figures.originBytes
  const percentiles = `half ${formatWait(p50)}, 95 % ${formatWait(p95)}, 99 % ${formatWait(p99)}, longest ${formatWait(max)}`
  return [
    [
      'reads',
      `${reads} of ${formatBytes(readBytes)}, ${Math.floor(figures.localShare * 100)} % without waiting`,
    ],
    ['waits', waits === 0 ? '0' : `${waits}: ${percentiles}`],
    ['stalls', String(stalls)],
    ['errors', String(errors)],
    ['fetched', `${formatBytes(figures.fetchedBytes)} for this disk`],
    ['boot profile', figures.boot.profileBytes === 0 ? undefined : bootText(figures.boot)],
    [
      'over the wire',
      wire === 0
        ? 'nothing'
        : `${formatBytes(wire)}, ${formatShare(figures.peerBytes, wire)} of it from peers`,
    ],
    ['damaged', damagedBlocks === 0 ? undefined : `${damagedBlocks} blocks of the store, fetched again`],
  ]
}
