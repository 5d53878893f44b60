/** Media types that an answer which is data can have. */
export const ANSWER_TYPES = ['application/json', 'application/xml', 'text/xml'] as const
export type AnswerType = (typeof ANSWER_TYPES)[number]

interface MediaRange {
  readonly type: string
  readonly subtype: string
  readonly quality: number
}

/** More than these in one header are not looked at. */
const RANGES_MAX = 64

/**
 * The form that an Accept header likes best (RFC 9110 section 12.5.1); of two that it likes the same, the one that it names
 * more exactly, then JSON. Undefined when it accepts none. The problem types stand for the forms that they are made of.
 */
export function negotiate(accept: string | undefined): AnswerType | undefined {
  if (accept === undefined || accept.trim() === '') return 'application/json'
  const ranges = accept.split(',', RANGES_MAX).flatMap(parseRange)
  let best: { type: AnswerType; quality: number; precision: number } | undefined
  for (const type of ANSWER_TYPES) {
    const liked = likingOf(ranges, type)
    if (liked.quality === 0) continue
    const isBetter =
      best === undefined ||
      liked.quality > best.quality ||
      (liked.quality === best.quality && liked.precision > best.precision)
    if (isBetter) best = { type, ...liked }
  }
  return best?.type
}

function parseRange(text: string): MediaRange[] {
  const [range = '', ...parameters] = text.split(';').map((part) => part.trim().toLowerCase())
  // A star alone is none of RFC 9110; Repoman's clients and others of their time send it and mean everything.
  const whole = range === '*' ? '*/*' : range
  const [, type, subtype] = /^([a-z0-9!#$&^_.+*-]+)\/([a-z0-9!#$&^_.+*-]+)$/.exec(whole) ?? []
  if (type === undefined || subtype === undefined) return []
  const weight = parameters.find((parameter) => /^q\s*=/.test(parameter))?.replace(/^q\s*=\s*/, '')
  const quality =
    weight === undefined ? 1 : /^(0(\.\d{0,3})?|1(\.0{0,3})?)$/.test(weight) ? Number(weight) : 0
  return [{ type, subtype: subtype.replace(/^problem\+/, ''), quality }]
}

/** The most exact range that covers the type decides. */
function likingOf(ranges: readonly MediaRange[], answer: AnswerType): { quality: number; precision: number } {
  const [type, subtype] = answer.split('/')
  let liking = { quality: 0, precision: -1 }
  for (const range of ranges) {
    const isExact = range.type === type && range.subtype === subtype
    const isType = range.type === type && range.subtype === '*'
    const precision = isExact ? 2 : isType ? 1 : range.type === '*' && range.subtype === '*' ? 0 : -1
    if (precision < 0 || precision < liking.precision) continue
    const quality = precision === liking.precision ? Math.max(range.quality, liking.quality) : range.quality
    liking = { quality, precision }
  }
  return liking
}
