import fc, { type Arbitrary } from 'fast-check'
import type { Route } from './document.ts'
import { hostileText, hostileValue, type Values } from './values.ts'

/** What is sent, byte for byte but for the framing. */
export interface FuzzRequest {
  readonly route: Route
  readonly method: string
  /** With the query, as it goes over the wire. */
  readonly path: string
  /** Repeated names are sent as several fields. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: Buffer | undefined
  /** Bytes of the body after which the connection is cut; undefined: all of it is sent. */
  readonly cutAt: number | undefined
}

interface Body {
  readonly type: string | undefined
  readonly bytes: Buffer
}

const TYPES = [
  'application/json',
  'application/x-www-form-urlencoded',
  'application/xml',
  'text/xml; charset=utf-16',
  'application/octet-stream',
  'multipart/form-data; boundary=x',
  'text/plain',
  'application/json; charset=latin1',
  '/',
]
const HEADERS: readonly (readonly [string, string])[] = [
  ['accept', 'application/xml'],
  ['accept', 'text/html'],
  ['accept', ';;;,,,q=9'],
  ['range', 'bytes=0-5,7-9'],
  ['range', 'bytes=99999999999999-'],
  ['range', 'bytes=-0'],
  ['if-none-match', '*'],
  ['if-range', '"x"'],
  ['if-modified-since', 'never'],
  ['content-range', 'bytes 0-9/10'],
  ['content-range', 'bytes */*'],
  ['content-range', 'bytes 9-0/10'],
  ['content-md5', 'AAAA'],
  ['digest', 'sha-256=AAAA'],
  ['repr-digest', 'sha-256=:AAAA:'],
  ['content-encoding', 'gzip'],
  ['x-http-method-override', 'DELETE'],
  ['origin', 'https://elsewhere.example'],
  ['cookie', 'a=b'],
  ['host', 'elsewhere.example'],
  ['x-forwarded-for', '::1'],
]
/** What odd clients make of a path. */
const ODD_PARTS = ['%', '%zz', '%2e%2e', '%2f', '%00', '%ff', '%c0%ae', '..', '.', '', ';a=b', '%ud800']

/** Requests of a route: proper ones, and such that are wrong in one or more ways. */
export function requestsOf(route: Route, values: Values): Arbitrary<FuzzRequest> {
  return fc
    .record({
      path: pathOf(route, values),
      query: queryOf(route, values),
      headers: fc.oneof(
        { weight: 2, arbitrary: fc.constant([]) },
        { weight: 1, arbitrary: fc.array(fc.constantFrom(...HEADERS), { maxLength: 2 }) },
      ),
      twice: mostly(false, fc.boolean()),
      body: bodyOf(route, values),
      cut: mostly(undefined, fc.integer({ min: 0, max: 20 })),
    })
    .map(({ path, query, headers, twice, body, cut }) => {
      const type = body?.type === undefined ? [] : [['content-type', body.type] as const]
      const cutAt = body === undefined || cut === undefined ? undefined : Math.min(cut, body.bytes.length)
      const all = [...type, ...headers]
      return {
        ...{ route, method: route.method, path: `${path}${query}`, body: body?.bytes, cutAt },
        headers: twice ? [...all, ...all] : all,
      }
    })
}

function mostly<T>(usual: T, odd: Arbitrary<T>): Arbitrary<T> {
  return fc.oneof({ weight: 9, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: odd })
}

function pathOf(route: Route, values: Values): Arbitrary<string> {
  const parts = route.path.split('/').map((part): Arbitrary<string> => {
    const name = /^\{(.*)\}$/.exec(part)?.[1]
    if (name === undefined) return fc.constant(part)
    const schema = route.pathParameters.find((parameter) => parameter.name === name)?.schema ?? {}
    return fc.oneof(
      { weight: 6, arbitrary: asText(values.of(schema)).map(encode) },
      { weight: 2, arbitrary: hostileText.map((text) => encode(text.slice(0, 2000))) },
      { weight: 1, arbitrary: fc.constantFrom(...ODD_PARTS) },
    )
  })
  return fc.tuple(...parts).map((all) => all.join('/'))
}

function queryOf(route: Route, values: Values): Arbitrary<string> {
  const own = route.query.map(({ name, schema }) =>
    fc
      .tuple(fc.constant(name), mostlyValid(values.of(schema), hostileText))
      .map(([key, text]) => `${key}=${encode(text.slice(0, 3000))}`),
  )
  const odd = fc.constantFrom(
    'colour=blue',
    'format=xml',
    'format=yaml',
    '&&==',
    '%zz=%zz',
    'tag=a&tag=b',
    'a[]=1',
  )
  const one =
    own.length === 0
      ? odd
      : fc.oneof({ weight: 4, arbitrary: fc.oneof(...own) }, { weight: 1, arbitrary: odd })
  const some = fc.array(one, { minLength: 1, maxLength: 3 }).map((pairs) => `?${pairs.join('&')}`)
  return fc.oneof({ weight: 3, arbitrary: fc.constant('') }, { weight: 1, arbitrary: some })
}

function mostlyValid(valid: Arbitrary<unknown>, hostile: Arbitrary<string>): Arbitrary<string> {
  return fc.oneof({ weight: 2, arbitrary: asText(valid) }, { weight: 1, arbitrary: hostile })
}

function asText(value: Arbitrary<unknown>): Arbitrary<string> {
  return value.map(textOf)
}

/** Objects made to be hostile may have no toString. */
function textOf(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value ?? '') ?? '')
}

function bodyOf(route: Route, values: Values): Arbitrary<Body | undefined> {
  if (['GET', 'HEAD'].includes(route.method)) return fc.constant(undefined)
  const bytes = fc.uint8Array({ maxLength: 300 }).map((some) => Buffer.from(some))
  const octets = bytes.map((some): Body => ({ type: 'application/octet-stream', bytes: some }))
  if (route.body === undefined) return fc.oneof(fc.constant(undefined), octets, anything(bytes))
  const proper = values.of(route.body).map(asFields)
  const wrong = fc.tuple(proper, hostileText, hostileValue, fc.nat()).map(spoil)
  return fc.oneof(
    { weight: 4, arbitrary: proper.map(json) },
    { weight: 4, arbitrary: wrong.map(json) },
    { weight: 2, arbitrary: fc.oneof(proper, wrong).map(form) },
    { weight: 2, arbitrary: fc.oneof(proper, wrong).map(xml) },
    {
      weight: 1,
      arbitrary: fc.tuple(proper, fc.nat({ max: 60 })).map(([fields, at]) => cutShort(json(fields), at)),
    },
    { weight: 1, arbitrary: hostileValue.map((value) => json(value)) },
    { weight: 1, arbitrary: anything(bytes) },
    { weight: 1, arbitrary: fc.constant<Body | undefined>(undefined) },
  )
}

type Fields = Readonly<Record<string, unknown>>

function asFields(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {}
}

/** Another value for a field that is there, or a field that nobody knows. */
function spoil([fields, name, value, index]: [Fields, string, unknown, number]): Fields {
  const own = Object.keys(fields)
  const field = own.length === 0 || index % 3 === 0 ? name : (own[index % own.length] ?? name)
  return { ...fields, [field]: value }
}

function json(value: unknown): Body {
  return { type: 'application/json', bytes: Buffer.from(JSON.stringify(value) ?? '') }
}

function form(fields: Fields): Body {
  const pairs = Object.entries(fields).map(([name, value]) => `${encode(name)}=${encode(textOf(value))}`)
  return { type: 'application/x-www-form-urlencoded', bytes: Buffer.from(pairs.join('&')) }
}

/** Not escaped: what comes of it may be no XML. */
function xml(fields: Fields): Body {
  const children = Object.entries(fields).map(([name, value]) => `<${name}>${textOf(value)}</${name}>`)
  return { type: 'application/xml', bytes: Buffer.from(`<request>${children.join('')}</request>`) }
}

function cutShort({ type, bytes }: Body, at: number): Body {
  return { type, bytes: bytes.subarray(0, at) }
}

function anything(bytes: Arbitrary<Buffer>): Arbitrary<Body> {
  const deep = fc.constant(Buffer.from('['.repeat(20_000)))
  const large = fc.constant(Buffer.alloc(100_000, '{"a":'))
  return fc.record({ type: fc.constantFrom(...TYPES, undefined), bytes: fc.oneof(bytes, deep, large) })
}

/** encodeURIComponent throws at lone surrogates. */
function encode(text: string): string {
  return encodeURIComponent(text.toWellFormed())
}
