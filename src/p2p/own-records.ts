import type { KadDHTComponents } from '@libp2p/kad-dht'

type Datastore = KadDHTComponents['datastore']

/** Where kad-dht keeps provider records: `/dht/provider/KEY/PEER`. Who looks through all of them wants to renew or to drop. */
const PROVIDER_PREFIX = '/dht/provider'

/**
 * A datastore in which kad-dht finds its own provider records when it is asked for a key, but not when it looks for records to
 * renew: it would renew all at once, as many as there are, after a restart above all. What is renewed, and when, is for the
 * announcing policy alone. Own records that it has not renewed in time are deleted here, so that nothing is claimed for ever.
 */
export function withoutOwnRenewals(
  datastore: Datastore,
  init: { self: string; validityMs: number; now: () => number },
): Datastore {
  const { self, validityMs, now } = init
  const query: Datastore['query'] = async function* (wanted, options) {
    for await (const entry of datastore.query(wanted, options)) {
      const isOwn = entry.key.toString().endsWith(`/${self}`)
      if (wanted.prefix !== PROVIDER_PREFIX || !isOwn) yield entry
      else if (now() > timeOf(entry.value) + validityMs) await datastore.delete(entry.key, options)
    }
  }
  return new Proxy(datastore, {
    get(of, name) {
      const value: unknown = name === 'query' ? query : Reflect.get(of, name)
      return typeof value === 'function' ? value.bind(of) : value
    },
  })
}

/** Milliseconds since the epoch, as kad-dht writes them: an unsigned varint (multiformats/unsigned-varint). */
function timeOf(bytes: Uint8Array): number {
  let time = 0
  for (const [index, byte] of bytes.entries()) time += (byte & 0x7f) * 2 ** (7 * index)
  return time
}
