import type { RepomanGroup, RepomanImage, RepomanUser } from '../../api/repoman-client.ts'
import { printable } from '../units.ts'

/** How much is shown of each thing. */
export interface Amount {
  readonly full?: true
  readonly long?: true
  readonly url?: true
}

interface Column<Row> {
  readonly title: string
  readonly cell: (row: Row) => string
  readonly right?: true
}

export function usersText(users: readonly RepomanUser[], amount: Amount): string {
  const sorted = users.toSorted(by((user) => user.user_name))
  if (amount.full) return sorted.map(factsText).join('')
  if (!amount.long) return sorted.map((user) => `${printable(user.user_name)}\n`).join('')
  return table(sorted, [
    { title: 'Username', cell: (user) => user.user_name },
    { title: 'Full Name', cell: (user) => user.full_name ?? '' },
    { title: 'Client DN', cell: (user) => shown((user as Record<string, unknown>)['client_dn']) },
  ])
}

export function groupsText(groups: readonly RepomanGroup[], amount: Amount): string {
  const sorted = groups.toSorted(by((group) => group.name))
  if (amount.full) return sorted.map(factsText).join('')
  if (!amount.long) return sorted.map((group) => `${printable(group.name)}\n`).join('')
  return table(sorted, [
    { title: 'Group Name', cell: (group) => group.name },
    { title: 'Members', cell: (group) => group.users.map(lastPart).sort().join(',') },
  ])
}

export function imagesText(images: readonly RepomanImage[], amount: Amount): string {
  const sorted = images.toSorted(by((image) => image.name))
  if (amount.full) return sorted.map(factsText).join('')
  if (amount.url) return sorted.map(addressesText).join('')
  if (!amount.long) return sorted.map((image) => `${printable(fullName(image))}\n`).join('')
  return table(sorted, [
    { title: 'Image Name', cell: (image) => image.name },
    { title: 'Owner', cell: (image) => lastPart(image.owner ?? '') },
    { title: 'Size', cell: (image) => shown(image.size), right: true },
    { title: 'Last Modified', cell: (image) => image.modified ?? '' },
    { title: 'Description', cell: (image) => image.description ?? '' },
  ])
}

/** Every field in a line of its own, names flush right: `      name : debian`. */
export function factsText(thing: object): string {
  const fields = Object.entries(thing).sort(([a], [b]) => (a < b ? -1 : 1))
  const width = Math.max(...fields.map(([name]) => name.length))
  return fields.map(([name, value]) => `${name.padStart(width)} : ${printable(shown(value))}\n`).join('')
}

/** The last part of an address, which is a name. */
export function lastPart(url: string): string {
  return decodeURIComponent(url.slice(url.lastIndexOf('/') + 1))
}

function fullName(image: RepomanImage): string {
  return `${lastPart(image.owner ?? '')}/${image.name}`
}

function addressesText(image: RepomanImage): string {
  const urls = [image.http_file_url, image.file_url].filter((url) => url !== null)
  return `${printable(fullName(image))}\n${urls.map((url) => `  ${printable(url)}\n`).join('')}\n`
}

/** Words for a value that scripts written for Repoman know. */
function shown(value: unknown): string {
  if (value === null || value === undefined) return 'None'
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  if (Array.isArray(value)) return value.map(shown).join(', ')
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

function table<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): string {
  const cells = rows.map((row) => columns.map(({ cell }) => printable(cell(row))))
  const widths = columns.map(({ title }, i) =>
    Math.max(title.length, ...cells.map((line) => line[i]?.length ?? 0)),
  )
  const line = (words: readonly string[]) => {
    const padded = words.map((word, i) =>
      columns[i]?.right ? word.padStart(widths[i] ?? 0) : word.padEnd(widths[i] ?? 0),
    )
    return `${padded.join(' ').trimEnd()}\n`
  }
  const head = [columns.map(({ title }) => title), widths.map((width) => '-'.repeat(width))]
  return [...head, ...cells].map(line).join('')
}

function by<T>(name: (thing: T) => string): (a: T, b: T) => number {
  return (a, b) => name(a).toLowerCase().localeCompare(name(b).toLowerCase(), 'en')
}
