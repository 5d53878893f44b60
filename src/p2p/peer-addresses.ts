import type { PeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { CODE_P2P, type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { InvalidError } from '../core/errors.ts'
import type { PeerAddress, PeerKey } from '../core/router.ts'

const LOOPBACK = /^\/(ip4\/127\.|ip6\/::1\/)/
const TEXT_CHARS_MAX = 256

export function peerKeyOf(peer: PeerId): PeerKey {
  return peer.toString() as PeerKey
}

/** Throws InvalidError when `peer` is no peer ID. */
export function parsePeer(peer: string): PeerId {
  try {
    return peerIdFromString(peer.slice(0, TEXT_CHARS_MAX))
  } catch (cause) {
    throw new InvalidError(`not a peer ID: ${peer.slice(0, 80)}`, { cause })
  }
}

/** Text of an address without its trailing /p2p part. */
export function addressText(address: Multiaddr): string {
  return address.decapsulateCode(CODE_P2P).toString()
}

/**
 * Dialable form of what others claim about a peer: addresses that do not parse are left out, each one is bound to the
 * peer's ID, and there are at most `max`.
 */
export function dialableAddresses(address: PeerAddress, max: number): Multiaddr[] {
  const dialable: Multiaddr[] = []
  for (const text of address.addresses.slice(0, max)) {
    const parsed = parseAddress(text)
    if (parsed !== undefined)
      dialable.push(parsed.decapsulateCode(CODE_P2P).encapsulate(`/p2p/${address.peer}`))
  }
  return dialable
}

/** Leaves loopback addresses out where a host has others: they would lead every other machine to itself. */
export function announceable(addresses: Multiaddr[]): Multiaddr[] {
  const reachable = addresses.filter((address) => !LOOPBACK.test(address.toString()))
  return reachable.length > 0 ? reachable : addresses
}

function parseAddress(text: string): Multiaddr | undefined {
  if (text.length > TEXT_CHARS_MAX) return undefined
  try {
    return multiaddr(text)
  } catch {
    return undefined
  }
}
