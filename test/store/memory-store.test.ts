import { MemoryStore } from '../../src/store/memory-store.ts'
import { testBlockStore } from '../conformance/blockstore.ts'

testBlockStore('memory store', async () => ({ store: new MemoryStore(), close: async () => {} }))
