import { XMLParser, XMLValidator } from 'fast-xml-parser'
import { TextFields, type TextValue } from '../../src/api/text-values.ts'
import { InvalidError } from '../../src/core/errors.ts'
import { XML_DEPTH_MAX } from '../../src/core/registry-limits.ts'

/** An element or a text as the parser has it: one key, its name or `#text`, and attributes under `:@`. */
type Parsed = Readonly<Record<string, unknown>>
const TEXT = '#text'
const ATTRIBUTES = ':@'

const parser = new XMLParser({
  preserveOrder: true,
  ignoreAttributes: false,
  attributeNamePrefix: '',
  parseTagValue: false,
  trimValues: false,
  ignoreDeclaration: true,
  ignorePiTags: true,
  removeNSPrefix: true,
  maxNestedTags: XML_DEPTH_MAX,
  entityDecoder: {
    decode: decodeReferences,
    setExternalEntities: () => {},
    addInputEntities: () => {},
    reset: () => {},
    setXmlVersion: () => {},
  },
})

/**
 * The fields in the root element of an XML document, whose name does not matter: each child is a field, a repeated one or
 * one with children a list, `nil="true"` is null, and `<entry key="x">` is the field `x`. Declarations of types and entities
 * are refused, so that nothing is expanded and nothing is fetched. Throws InvalidError.
 */
export function readXml(bytes: Uint8Array): TextFields {
  const text = utf8(bytes)
  if (/<!(?!--|\[CDATA\[)/.test(text))
    throw new InvalidError('the XML must not declare a document type or entities')
  const encoding = /^\s*<\?xml[^>]*encoding\s*=\s*["']([^"']*)/.exec(text)?.[1]?.toLowerCase()
  if (encoding !== undefined && encoding !== 'utf-8' && encoding !== 'us-ascii')
    throw new InvalidError('the XML must be in UTF-8')
  const validity = XMLValidator.validate(text)
  if (validity !== true)
    throw new InvalidError(
      `the body is not XML: line ${validity.err.line}: ${validity.err.msg.slice(0, 200)}`,
    )
  const [root, ...more] = elementsOf(parsed(text))
  if (root === undefined || more.length > 0)
    throw new InvalidError('the body is not XML: it has no single root element')
  const value = contentOf(root)
  if (value instanceof TextFields) return value
  if (value !== null && value.trim() !== '')
    throw new InvalidError('the root element of the XML has text instead of fields')
  return new TextFields({ entries: [] })
}

function utf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new InvalidError('the XML must be in UTF-8')
  }
}

function parsed(text: string): readonly Parsed[] {
  try {
    return parser.parse(text) as readonly Parsed[]
  } catch (error) {
    if (error instanceof InvalidError) throw error
    throw new InvalidError(
      `the body is not XML: ${error instanceof Error ? error.message.slice(0, 200) : 'malformed'}`,
    )
  }
}

function nameOf(node: Parsed): string {
  return Object.keys(node).find((key) => key !== ATTRIBUTES) ?? ''
}

function elementsOf(nodes: readonly Parsed[]): Parsed[] {
  return nodes.filter((node) => nameOf(node) !== TEXT)
}

function contentOf(element: Parsed): TextValue {
  const children = element[nameOf(element)] as readonly Parsed[]
  const attributes = element[ATTRIBUTES] as Readonly<Record<string, string>> | undefined
  const elements = elementsOf(children)
  const text = children.map((node) => String(node[TEXT] ?? '')).join('')
  if (elements.length === 0) return attributes?.['nil'] === 'true' && text.trim() === '' ? null : text
  if (text.trim() !== '') throw new InvalidError(`the element ${nameOf(element)} has both text and elements`)
  return new TextFields({ entries: elements.map((one) => [fieldNameOf(one), contentOf(one)]) })
}

function fieldNameOf(element: Parsed): string {
  const attributes = element[ATTRIBUTES] as Readonly<Record<string, string>> | undefined
  return attributes?.['key'] ?? nameOf(element)
}

const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

/** References of characters: the five names of XML and numbers. */
function decodeReferences(text: string): string {
  return text.replace(/&([^;&]{0,32});?/g, (whole, reference: string) => {
    if (whole.endsWith(';') && Object.hasOwn(NAMED, reference)) return NAMED[reference] ?? ''
    const [, hex, digits] = /^#(?:x([0-9a-fA-F]{1,6})|([0-9]{1,7}))$/.exec(reference) ?? []
    const code = hex === undefined ? Number(digits) : Number.parseInt(hex, 16)
    if (!whole.endsWith(';') || !isCharacter(code))
      throw new InvalidError('the XML has a reference that is no character')
    return String.fromCodePoint(code)
  })
}

/** Char of XML 1.0, section 2.2. */
function isCharacter(code: number): boolean {
  if (code < 0x20) return code === 0x9 || code === 0xa || code === 0xd
  return code <= 0xd7ff || (code >= 0xe000 && code <= 0xfffd) || (code >= 0x10000 && code <= 0x10ffff)
}
