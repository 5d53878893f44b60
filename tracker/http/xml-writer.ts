/** Names of elements that need no `key` of their own (an XML name without a colon that is not reserved). */
const ELEMENT = /^(?!xml)[A-Za-z_][A-Za-z0-9_.-]{0,127}$/i
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what XML 1.0 cannot say
const NOT_IN_XML = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g

/** What a schema says of the names of elements: that of its own, as in OpenAPI. */
export interface XmlNames {
  readonly xml?: { readonly name?: string; readonly namespace?: string }
  readonly items?: XmlNames
  readonly properties?: Readonly<Record<string, XmlNames>>
  readonly type?: string
  readonly anyOf?: readonly XmlNames[]
  readonly oneOf?: readonly XmlNames[]
}

/**
 * A JSON value as an XML document: objects are elements by name, items of lists are elements called `item` unless their
 * schema has a name, null is `nil="true"`, and keys that are no names are `<entry key="…">`. readXml reads the same form.
 */
export function writeXml(value: unknown, schema: XmlNames = {}): string {
  const names = namesFor(value, schema)
  const name = names.xml?.name ?? (Array.isArray(value) ? 'list' : 'answer')
  const namespace = names.xml?.namespace
  const attributes = namespace === undefined ? '' : ` xmlns="${escapeXml(namespace)}"`
  return `<?xml version="1.0" encoding="UTF-8"?>\n${element(value, { name, attributes, names })}\n`
}

/** Of several schemas the first that is for a value of this kind. */
function namesFor(value: unknown, schema: XmlNames): XmlNames {
  const choices = schema.oneOf ?? schema.anyOf
  const type = Array.isArray(value) ? 'array' : typeof value
  return choices?.find((one) => one.type === type) ?? schema
}

function element(value: unknown, init: { name: string; attributes?: string; names: XmlNames }): string {
  const { name, attributes = '' } = init
  const names = namesFor(value, init.names)
  if (value === null) return `<${name}${attributes} nil="true"/>`
  const content = Array.isArray(value)
    ? value.map((item) => element(item, { name: names.items?.xml?.name ?? 'item', names: names.items ?? {} }))
    : typeof value === 'object'
      ? Object.entries(value as object).map(([key, one]) => field(key, one, names.properties?.[key] ?? {}))
      : [escapeXml(String(value))]
  return content.length === 0
    ? `<${name}${attributes}/>`
    : `<${name}${attributes}>${content.join('')}</${name}>`
}

function field(key: string, value: unknown, names: XmlNames): string {
  if (value === undefined) return ''
  if (ELEMENT.test(key) && !isReserved(key)) return element(value, { name: key, names })
  return element(value, { name: 'entry', attributes: ` key="${escapeXml(key)}"`, names })
}

/** Parsers refuse these names, or read something else into them. */
function isReserved(key: string): boolean {
  return key in Object.prototype || key === 'prototype'
}

const ESCAPES: Readonly<Record<string, string>> = {
  ...{ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' },
  ...{ '\t': '&#9;', '\n': '&#10;', '\r': '&#13;' },
}

function escapeXml(text: string): string {
  const sayable = text.toWellFormed().replace(NOT_IN_XML, '\ufffd')
  return sayable.replace(/[&<>"\t\n\r]/g, (character) => ESCAPES[character] ?? character)
}
