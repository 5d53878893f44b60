import { UnsupportedError } from '../../src/core/errors.ts'
import type { Arena, ArenaKind } from './arena.ts'
import { openNamespaces } from './namespaces.ts'
import type { Topology } from './topology.ts'

/** Opens an arena. Errors: those of `openNamespaces`. */
export async function openArena(topology: Topology, options: { kind?: ArenaKind } = {}): Promise<Arena> {
  if (options.kind === 'loopback') throw new UnsupportedError('arenas on the loopback interface')
  return await openNamespaces(topology)
}
