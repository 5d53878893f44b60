import { InvalidError } from './errors.ts'
import {
  DEFAULT_HYPERVISOR,
  fieldNamed,
  type GivenFields,
  METADATA_FIELDS,
  type MetadataField,
  PROPERTY_PREFIX,
  propertyKey,
  VM_TYPES,
} from './metadata.ts'
import { BYTES_FORMS, parseBytes, parseTime, TIME_FORMS } from './quantity.ts'
import { IMAGE_PROPERTIES_MAX, METADATA_VALUE_CHARS_MAX } from './registry-limits.ts'

/** A value as the catalog keeps it: times in milliseconds, lists comma-separated. */
export type MetadataValue = string | number | boolean | null

const NEVER_EMPTY: ReadonlySet<string> = new Set(['name', 'namespace', 'owner', 'state', 'access'])

/** What a request changes. */
export interface MetadataChange {
  readonly fields: GivenFields
  /** Free pairs, and the fields that are kept like these; null removes one. */
  readonly properties: Readonly<Record<string, string | null>>
}

export interface ParseMetadataOptions {
  /** What happens to a name that is no field: an error as in Repoman, or a free property as in VISOR. `property.KEY` is always one. */
  readonly unknown: 'refuse' | 'property'
}

/**
 * Reads what an owner gives, as a form or as JSON has it: names and aliases of fields, `property.KEY`, and an object
 * `properties`. Throws InvalidError, which names the field and what it accepts, for a name that is unknown, given twice or
 * the tracker's to set, and for a value of the wrong form.
 */
export function parseMetadata(
  given: Readonly<Record<string, unknown>>,
  options: ParseMetadataOptions,
): MetadataChange {
  const fields = new Map<string, MetadataValue>()
  const properties = new Map<string, string | null>()
  for (const [name, value] of Object.entries(given)) {
    const field = fieldNamed(name)
    if (field?.place.table === 'property') put(properties, field.name, propertyValue(name, value))
    else if (field !== undefined) put(fields, field.name, ownersValue(field, name, value))
    else if (name === 'properties') {
      for (const [key, text] of pairsOf(value)) put(properties, keyOf(key), propertyValue(key, text))
    } else if (name.startsWith(PROPERTY_PREFIX) || options.unknown === 'property') {
      put(properties, keyOf(name), propertyValue(name, value))
    } else throw unknownField(name)
  }
  if (properties.size > IMAGE_PROPERTIES_MAX)
    throw new InvalidError(`an image has at most ${IMAGE_PROPERTIES_MAX} free properties`)
  // Each value has the type that the table gives its name.
  return { fields: Object.fromEntries(fields) as GivenFields, properties: Object.fromEntries(properties) }
}

/** Reads one value of a field as the catalog keeps it. `name`: what the field was called. Throws InvalidError. */
export function parseMetadataValue(field: MetadataField, name: string, value: unknown): MetadataValue {
  if (field.type === 'flag') return flag(name, value)
  if (field.type === 'words') return words(field, name, value)
  if (field.type === 'count' || field.type === 'bytes') return wholeNumber(field, name, value)
  if (field.type === 'time') return time(name, value)
  const text = textOf(name, value)
  return field.type === 'enum' ? oneOf(name, text, field.values ?? []) : text
}

/** The error for a name that is no field. */
export function unknownField(name: string): InvalidError {
  const names = METADATA_FIELDS.map((field) => field.name).join(' ')
  return new InvalidError(
    `there is no field "${name.slice(0, 80)}": there are ${names}, and ${PROPERTY_PREFIX}KEY for what else an image is to say`,
    { data: { field: name.slice(0, 80) } },
  )
}

function put<T>(map: Map<string, T>, name: string, value: T): void {
  if (map.has(name)) throw wrong(name, 'is given twice, under two of its names')
  map.set(name, value)
}

function ownersValue(field: MetadataField, name: string, value: unknown): MetadataValue {
  if (field.setBy === 'tracker') throw wrong(name, 'is set by the tracker and cannot be changed')
  const parsed = parseMetadataValue(field, name, value)
  if (parsed === '' && NEVER_EMPTY.has(field.name)) throw wrong(name, 'must not be empty')
  if (field.settable !== undefined && typeof parsed === 'string') return oneOf(name, parsed, field.settable)
  return parsed
}

function textOf(name: string, value: unknown): string {
  if (value === null || value === undefined) return ''
  if (typeof value !== 'string') throw wrong(name, 'must be a text')
  return checkText(name, value)
}

function checkText(name: string, text: string): string {
  if (text.length > METADATA_VALUE_CHARS_MAX)
    throw wrong(name, `has ${text.length} characters; it may have ${METADATA_VALUE_CHARS_MAX}`)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/.test(text) || !text.isWellFormed())
    throw wrong(name, 'has control characters or half characters in it')
  return text
}

function oneOf(name: string, text: string, values: readonly string[]): string {
  const known = text === '' ? '' : values.find((value) => value === text.trim().toLowerCase())
  if (known === undefined) throw wrong(name, `must be one of ${values.join(' ')}`)
  return known
}

function flag(name: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value
  const text = value === 1 || value === 0 ? String(value) : textOf(name, value).trim().toLowerCase()
  if (['true', '1', 'yes', 'on'].includes(text)) return true
  if (['false', '0', 'no', 'off', ''].includes(text)) return false
  throw wrong(name, 'must be true or false')
}

function words(field: MetadataField, name: string, value: unknown): string {
  const list = Array.isArray(value) ? value.map((word) => textOf(name, word)) : textOf(name, value).split(',')
  const unique = new Set(list.map((word) => word.trim()).filter((word) => word !== ''))
  if ([...unique].some((word) => word.includes(','))) throw wrong(name, 'must be words, comma-separated')
  if (field.name !== 'hypervisor') return checkText(name, [...unique].join(','))
  const allowed = name.toLowerCase() === 'vmtype' ? VM_TYPES : undefined
  const known = [...unique].map((word) => hypervisor(name, word.toLowerCase(), allowed))
  return known.length === 0 ? DEFAULT_HYPERVISOR : checkText(name, known.join(','))
}

/** Becomes a part of a path. */
function hypervisor(name: string, word: string, allowed: readonly string[] | undefined): string {
  if (allowed !== undefined) return oneOf(name, word, allowed)
  if (/^[a-z0-9][a-z0-9_.-]{0,63}$/.test(word)) return word
  throw wrong(name, 'must be words of a-z 0-9 _ . -, comma-separated, such as xen,kvm')
}

function wholeNumber(field: MetadataField, name: string, value: unknown): number {
  const number = typeof value === 'number' ? value : numberOf(field, textOf(name, value))
  if (number !== undefined && Number.isSafeInteger(number) && number >= 0) return number
  throw wrong(name, field.type === 'bytes' ? `must be ${BYTES_FORMS}` : 'must be a whole number')
}

function numberOf(field: MetadataField, text: string): number | undefined {
  if (field.type === 'bytes') return parseBytes(text)
  return /^\s*\d{1,15}\s*$/.test(text) ? Number(text) : undefined
}

function time(name: string, value: unknown): number | null {
  if (value === null || value === undefined || value === '') return null
  const ms = parseTime(typeof value === 'number' ? String(value) : textOf(name, value))
  if (ms === undefined) throw wrong(name, `must be ${TIME_FORMS}`)
  return ms
}

function pairsOf(value: unknown): [string, unknown][] {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return Object.entries(value)
  throw wrong('properties', 'must be an object of texts')
}

function keyOf(name: string): string {
  const key = propertyKey(name)
  if (key !== undefined) return key
  throw wrong(name.slice(0, 80), 'is no key: up to 64 of a-z A-Z 0-9 _ . : -, a letter or _ first')
}

/** Numbers and flags of JSON become text: pairs have no types. */
function propertyValue(name: string, value: unknown): string | null {
  if (value === null || value === '') return null
  return textOf(name, typeof value === 'number' || typeof value === 'boolean' ? String(value) : value)
}

function wrong(name: string, what: string): InvalidError {
  return new InvalidError(`${name} ${what}`, { data: { field: name } })
}
