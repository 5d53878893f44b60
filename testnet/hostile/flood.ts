import { setTimeout as sleep } from 'node:timers/promises'
import type { JoinAnswer } from '../../src/api/swarm-schemas.ts'
import type { Carrier } from '../../src/core/carrier.ts'
import { systemClock } from '../../src/core/clock.ts'
import type { PeerAddress } from '../../src/core/router.ts'
import { Connection } from '../../src/exchange/connection.ts'
import { BufferPool } from '../../src/util/buffer-pool.ts'
import { careless } from './careless.ts'

/** Far more than a peer allows to be under way, so that it always has something to refuse as well. */
const WANTS_AT_ONCE = 200
/** The first block of a run: every run has one. A bit too many would only get it dropped. */
const FIRST_BLOCK = Uint8Array.of(1)
const JOIN_EVERY_MS = 2_000

interface FloodComponents {
  readonly carrier: Carrier
  readonly pass: string
}

/** Asks every peer that the tracker knows for everything, again and again. */
export async function flood(
  components: FloodComponents,
  init: { joined: JoinAnswer; ask(): Promise<JoinAnswer> },
): Promise<never> {
  const known = new Set<string>()
  for (let { joined } = init; ; joined = await init.ask().catch(() => joined)) {
    for (const peer of joined.peers) {
      if (known.has(peer.peer)) continue
      known.add(peer.peer)
      void floodPeer(components, { peer, joined }).finally(() => known.delete(peer.peer))
    }
    await sleep(JOIN_EVERY_MS)
  }
}

async function floodPeer(
  { carrier, pass }: FloodComponents,
  { peer, joined }: { peer: PeerAddress; joined: JoinAnswer },
): Promise<void> {
  try {
    const connection = new Connection({
      channel: await carrier.open(peer),
      clock: systemClock,
      admission: careless(pass),
      events: { asked() {}, have() {}, closed() {} },
      buffers: new BufferPool({ bytes: 1, keepMax: 0 }),
    })
    connection.start('flood')
    await connection.hello()
    const { id, runs } = await connection.open(joined.manifest, joined.grant)
    const wants = Array.from({ length: WANTS_AT_ONCE }, async (_, i) => {
      for (let run = i; !connection.closed; run++) {
        const { answer } = connection.want({ id, run: run % runs, missing: FIRST_BLOCK })
        await answer.catch(() => sleep(1))
      }
    })
    await Promise.all(wants)
  } catch {
    // Dropped: it comes back with the next handout.
  }
}
