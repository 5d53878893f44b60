import type { Arena, ArenaKind } from './arena.ts'
import { namespacesLack } from './ip.ts'
import { openLoopback } from './loopback/loopback.ts'
import { openNamespaces } from './namespaces.ts'
import type { Topology } from './topology.ts'

/** Opens an arena; without `kind`, of namespaces where this process may make them. Errors: those of `openNamespaces` and `openLoopback`. */
export async function openArena(topology: Topology, options: { kind?: ArenaKind } = {}): Promise<Arena> {
  const kind = options.kind ?? (namespacesLack() === undefined ? 'namespaces' : 'loopback')
  return kind === 'namespaces' ? await openNamespaces(topology) : await openLoopback(topology)
}
