import type { BlockStore } from '../../src/core/blockstore.ts'
import type { Clock } from '../../src/core/clock.ts'
import type { Log } from '../../src/core/log.ts'
import type { PeerAddress } from '../../src/core/router.ts'
import type { Catalog } from '../catalog/catalog.ts'
import { Holders, type HoldersComponents } from './holders.ts'
import { ImageReader, type ImageReaderComponents } from './image-reader.ts'
import { holdOrphans } from './orphans.ts'
import { Presence } from './presence.ts'
import { Relay, type RelayInit } from './relay.ts'

export interface SiblingsComponents {
  /** What is started is stopped by it. */
  readonly opened: AsyncDisposableStack
  readonly catalog: Catalog
  readonly nodes: Pick<BlockStore, 'has'>
  readonly origin: HoldersComponents['origin'] & { introduce(peers: readonly PeerAddress[]): void }
  readonly read: ImageReaderComponents['read']
  readonly clock: Clock
  readonly log: Log
}

/** What a tracker has to do with others on the same catalog. */
export interface Siblings {
  readonly holders: Holders
  readonly reader: ImageReader
  /** Tells the others that this tracker is reached at `url`. */
  announce(url: string): Promise<void>
}

/** Errors: those of the catalog and the store. */
export async function meetSiblings(components: SiblingsComponents, init: RelayInit): Promise<Siblings> {
  const { opened, catalog, nodes, origin, read, clock, log } = components
  const { trackers, shared } = catalog
  await holdOrphans({ trackers, nodes, log }, { self: origin.self })
  const holders = new Holders({ trackers, clock, origin })
  const relay = opened.adopt(new Relay(init), (it) => it.close())
  const reader = new ImageReader({ holders, relay, read })
  const parts = { trackers, clock, log, address: () => origin.address() }
  const announce = async (url: string) => {
    const introduce = (peers: readonly PeerAddress[]) => origin.introduce(peers)
    const presence = new Presence({ ...parts, introduce }, { url, shared })
    await presence.start()
    opened.defer(() => presence.stop())
  }
  return { holders, reader, announce }
}
