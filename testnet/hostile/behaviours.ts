/** What a hostile peer does. It has a certificate, a pass and a grant like any other node. */
export const BEHAVIOURS = {
  'lying-bitmap': 'claims the whole image and gives none of it',
  'wrong-bytes': 'claims the whole image and sends other bytes than it should',
  'request-flood': 'asks every peer for blocks as fast as it can, and throws them away',
} as const

export type Behaviour = keyof typeof BEHAVIOURS

/** What the program is told, as JSON in its only argument. */
export interface HostileInit {
  readonly behaviour: Behaviour
  readonly tracker: { readonly url: string; readonly name: string }
  /** PEM files of a node's identity. */
  readonly identity: { readonly certificate: string; readonly key: string; readonly ca: string }
  /** Distinguished name in the certificate. */
  readonly dn: string
  readonly reference: string
  /** Multiaddrs. */
  readonly listen: string
  readonly announce: string
  /** The image itself: who sends wrong bytes must know how many. */
  readonly file: string
}
