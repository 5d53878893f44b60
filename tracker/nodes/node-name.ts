import { RESERVED_NODES } from '../../src/api/tracker-paths.ts'
import { NAME_CHARS_MAX } from '../../src/core/limits.ts'

/** A common name in the characters that names of nodes have. */
export function nodeNameOf(commonName: string): string {
  const name = commonName
    .replace(/[^a-zA-Z0-9_.-]+/g, '.')
    .replace(/^[.-]+|[.-]+$/g, '')
    .slice(0, NAME_CHARS_MAX)
  return name === '' || RESERVED_NODES.has(name) ? `node-${name}` : name
}
