/** 1024 for what computers count by, 1000 for what the SI says (as in GNU coreutils). */
const BYTE_UNITS: Readonly<Record<string, number>> = {
  ...{ '': 1, b: 1 },
  ...{ k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4, p: 1024 ** 5 },
  ...{ kib: 1024, mib: 1024 ** 2, gib: 1024 ** 3, tib: 1024 ** 4, pib: 1024 ** 5 },
  ...{ kb: 1e3, mb: 1e6, gb: 1e9, tb: 1e12, pb: 1e15 },
}
/** Characters of a number of bytes: `4*1024*1024*1024` with room to spare. */
const BYTES_TEXT_CHARS_MAX = 100

export const BYTES_FORMS = 'bytes such as 4294967296, 4GiB, 1.5 GB or 4*1024*1024'

/**
 * Bytes that a text names: a number with or without a unit, or several of them multiplied, as FutureGrid has it.
 * Undefined when it is none, negative, no whole number or past what a number holds exactly.
 */
export function parseBytes(text: string): number | undefined {
  if (text.length > BYTES_TEXT_CHARS_MAX) return undefined
  let product = 1
  for (const factor of text.split('*')) {
    const match = /^\s*(\d{1,16}(?:\.\d{1,6})?)\s*([a-zA-Z]{0,3})\s*$/.exec(factor)
    const unit = BYTE_UNITS[(match?.[2] ?? '').toLowerCase()]
    if (match === null || unit === undefined) return undefined
    product *= Number(match[1]) * unit
  }
  return Number.isSafeInteger(product) ? product : undefined
}

export const TIME_FORMS =
  'a time such as 2030-11-11, 2030-11-11T00:04:59Z, 1920585899 (seconds since the epoch) or Mon Nov 11 00:04:59 2030 (UTC)'

/** Last millisecond of the year 9999: later times have no ISO 8601 form of four digits. */
const TIME_MAX_MS = 253_402_300_799_999
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']

/** Milliseconds since the epoch, as far as a text says: a day, a minute, a second. */
export interface TimeSpan {
  readonly startMs: number
  /** Exclusive. */
  readonly endMs: number
}

/** What a text names that `parseTime` reads. */
export function parseTimeSpan(text: string): TimeSpan | undefined {
  const startMs = parseTime(text)
  return startMs === undefined ? undefined : { startMs, endMs: startMs + precisionMs(text.trim()) }
}

function precisionMs(text: string): number {
  if (/^\d{4}-\d\d-\d\d$/.test(text)) return 86_400_000
  if (/^\S+[T ]\d\d:\d\d(?![\d:])/i.test(text)) return 60_000
  return /:\d\d\.\d/.test(text) ? 1 : 1000
}

/**
 * Milliseconds since the epoch of a time in ISO 8601 (UTC where it names no zone), in seconds since the epoch, or in the
 * form of C's ctime, UTC. Undefined when it is none of these, or no day of the calendar.
 */
export function parseTime(text: string): number | undefined {
  const trimmed = text.trim()
  const ms = /^\d{1,12}$/.test(trimmed) ? Number(trimmed) * 1000 : (fromIso(trimmed) ?? fromCtime(trimmed))
  return ms !== undefined && ms >= 0 && ms <= TIME_MAX_MS ? ms : undefined
}

function fromIso(text: string): number | undefined {
  const match =
    /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,3})\d*)?)?\s?(Z|[+-]\d\d:?\d\d)?)?$/i.exec(
      text,
    )
  if (match === null) return undefined
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = '0', zone = 'Z'] = match
  const local = utc([year, month, day, hour, minute, second])
  if (local === undefined) return undefined
  return local + Number(fraction.padEnd(3, '0')) - zoneMs(zone)
}

function zoneMs(zone: string): number {
  if (zone.toUpperCase() === 'Z') return 0
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(-2))
  return (zone.startsWith('-') ? -minutes : minutes) * 60_000
}

function fromCtime(text: string): number | undefined {
  const match = /^[a-z]{3} ([a-z]{3}) {1,2}(\d{1,2}) (\d\d):(\d\d):(\d\d) (\d{4})$/i.exec(text)
  if (match === null) return undefined
  const [, name = '', day, hour, minute, second, year] = match
  const month = MONTHS.findIndex((one) => one.toLowerCase() === name.toLowerCase())
  return month < 0 ? undefined : utc([year, month + 1, day, hour, minute, second])
}

/** Undefined for the 31st of April, and for 25 o'clock. */
function utc(parts: readonly (string | number | undefined)[]): number | undefined {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts.map(Number)
  if (hour > 23 || minute > 59 || second > 59) return undefined
  const date = new Date(Date.UTC(year, month - 1, day, hour, minute, second))
  date.setUTCFullYear(year, month - 1, day)
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day ? date.getTime() : undefined
}

/** `Thu Nov 11 00:04:59 2010`, UTC: what Repoman's clients read. */
export function formatCtime(ms: number): string {
  const date = new Date(ms)
  const two = (n: number, fill = '0') => String(n).padStart(2, fill)
  const time = `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`
  const day = two(date.getUTCDate(), ' ')
  return `${DAYS[date.getUTCDay()]} ${MONTHS[date.getUTCMonth()]} ${day} ${time} ${date.getUTCFullYear()}`
}
