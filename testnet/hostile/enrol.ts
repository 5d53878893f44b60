import { generateKeyPair, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import type { TrackerClient } from '../../src/api/tracker-client.ts'
import { StateError } from '../../src/core/errors.ts'
import type { PeerKey } from '../../src/core/router.ts'
import { peerOfKey, signPeerProof } from '../../src/identity/peer-proof.ts'

/** A node that was enrolled by hand: its peer key and the pass that it was given. */
export interface Enrolled {
  readonly privateKey: Uint8Array
  readonly peer: PeerKey
  readonly pass: string
}

/** Enrols a new peer as the node whose certificate `client` shows. Throws StateError when it does not become active. */
export async function enrolByHand(
  client: TrackerClient,
  init: { dn: string; tracker: string; privateKey?: Uint8Array; labels?: Record<string, string> },
): Promise<Enrolled> {
  const { dn, tracker, labels = {} } = init
  const privateKey = init.privateKey ?? (await newPeerKey())
  const peer = peerOfKey(privateKey)
  const proof = await signPeerProof(privateKey, { dn, aud: tracker, iat: Math.floor(Date.now() / 1000) })
  const { pass, node } = await client.enrol({ peer, proof, labels })
  if (pass === undefined) throw new StateError(`the node ${node.name} is ${node.state}`)
  return { privateKey, peer, pass: pass.pass }
}

async function newPeerKey(): Promise<Uint8Array> {
  return privateKeyToProtobuf(await generateKeyPair('Ed25519'))
}
