import { UsageError } from '../core/errors.ts'
import { parseReference, type Reference } from '../core/reference.ts'

/** `namespace/name`; a tag or version would say nothing here. Errors: InvalidError, UsageError. */
export function parseWholeImage(text: string): Pick<Reference, 'namespace' | 'name'> {
  const { namespace, name, tag, version, manifest } = parseReference(text)
  if (tag === undefined && version === undefined && manifest === undefined) return { namespace, name }
  throw new UsageError(`this is about all versions of an image: say ${namespace}/${name}`)
}

/** `field=value` words as an object. A value may hold further `=`. Throws UsageError. */
export function parseFields(words: readonly string[]): Record<string, string> {
  const fields = new Map<string, string>()
  for (const word of words) {
    const at = word.indexOf('=')
    if (at <= 0)
      throw new UsageError(`"${word.slice(0, 80)}" is not field=value, such as description="Debian 12"`)
    const name = word.slice(0, at)
    if (fields.has(name)) throw new UsageError(`${name} is given twice`)
    fields.set(name, word.slice(at + 1))
  }
  return Object.fromEntries(fields)
}
