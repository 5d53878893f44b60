import type { Labels } from '../../src/core/nearness.ts'
import type { PeerKey } from '../../src/core/router.ts'
import type { Host } from './host.ts'
import type { Uploads } from './uploads.ts'

/** A peer as others find it at its address. */
export interface Resident {
  readonly key: PeerKey
  readonly labels: Labels
  readonly host: Host
  readonly uploads: Uploads
  readonly alive: boolean
}

/** Who is where. */
export interface Directory {
  find(peer: PeerKey): Resident
}
