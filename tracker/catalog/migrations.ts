import type { MigrationProvider } from 'kysely'
import { first } from './migrations/0001-first.ts'
import { registry } from './migrations/0002-registry.ts'
import { placements } from './migrations/0003-placements.ts'
import { sketches } from './migrations/0004-sketches.ts'
import { profiles } from './migrations/0005-profiles.ts'

/** Applied in the order of their names; what was once released is never edited. */
export const migrations: MigrationProvider = {
  async getMigrations() {
    return {
      '0001-first': first,
      '0002-registry': registry,
      '0003-placements': placements,
      '0004-sketches': sketches,
      '0005-profiles': profiles,
    }
  },
}
