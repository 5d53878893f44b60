import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openPackStore } from '../../src/store/pack-store.ts'
import { testBlockStore } from '../conformance/blockstore.ts'

testBlockStore('pack store', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'bootswarm-pack-'))
  const store = await openPackStore({ dir })
  return {
    store,
    close: async () => {
      await store.close()
      await rm(dir, { recursive: true })
    },
  }
})
