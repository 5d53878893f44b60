import { Bitmap } from '../../src/core/bitmap.ts'
import { DIGEST_BYTES, type ManifestId } from '../../src/core/cid.ts'
import { EXCHANGE_CHANNELS_MAX } from '../../src/core/limits.ts'
import type { Manifest } from '../../src/core/manifest.ts'
import type { Labels } from '../../src/core/nearness.ts'
import type { Random } from '../../src/core/random.ts'
import type { PeerKey } from '../../src/core/router.ts'
import { Asker } from '../../src/exchange/asker.ts'
import { OriginFallback } from '../../src/exchange/policy/origin-fallback.ts'
import { OriginTurns } from '../../src/exchange/policy/origin-turns.ts'
import { Superseed } from '../../src/exchange/superseed.ts'
import { Swarm } from '../../src/exchange/swarm.ts'
import type { Resident } from './directory.ts'
import type { EventQueue } from './events.ts'
import type { Host } from './host.ts'
import type { Network } from './network.ts'
import { Uploads } from './uploads.ts'

export interface SimOriginInit {
  readonly key: PeerKey
  readonly labels: Labels
  readonly manifest: ManifestId
  readonly runs: number
  readonly allParts: number
}

/** The tracker's own peer: it holds everything and superseeds. */
export class SimOrigin implements Resident {
  readonly key: PeerKey
  readonly labels: Labels
  readonly host: Host
  readonly uploads: Uploads
  alive = true

  constructor(
    components: { queue: EventQueue; network: Network; host: Host; random: Random },
    init: SimOriginInit,
  ) {
    const { queue, network, host, random } = components
    const { key, labels, runs, allParts } = init
    this.key = key
    this.labels = labels
    this.host = host
    const superseed = new Superseed({ runs, random })
    const manifest = manifestOf(runs)
    const swarm = new Swarm({ id: init.manifest, manifest, have: Bitmap.full(runs), superseed })
    const asking = {
      clock: queue,
      turns: new OriginTurns({ idleMs: () => this.uploads.idleMs }),
      fallback: new OriginFallback({ nowMs: queue.monotonic() }),
    }
    this.uploads = new Uploads(
      {
        ...{ queue, network, host },
        asker: () => new Asker(asking, { swarm, superseed }),
        heldParts: () => allParts,
        takenFrom: () => 0,
        joined: () => {},
      },
      { key, runs, allParts, channelsMax: EXCHANGE_CHANNELS_MAX },
    )
  }

  die(): void {
    this.alive = false
    this.uploads.close()
  }
}

/** A manifest of so many runs, in one segment: nothing but their number is looked at. */
function manifestOf(runs: number): Manifest {
  const digest = new Uint8Array(DIGEST_BYTES)
  return {
    size: runs,
    sha256: undefined,
    chunker: { name: 'none', parameters: {} },
    segments: [{ digest, size: runs, runs }],
  }
}
