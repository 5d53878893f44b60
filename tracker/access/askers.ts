import type { Socket } from 'node:net'
import type { Clock } from '../../src/core/clock.ts'
import { CertificateError } from '../../src/core/errors.ts'
import { ADMINS_GROUP } from '../../src/core/permission.ts'
import type { Principal } from '../../src/identity/path-validation.ts'
import type { NodeCatalog, StoredNode } from '../catalog/node-catalog.ts'
import type { StoredUser, UserCatalog } from '../catalog/user-catalog.ts'
import type { Authenticate } from '../http/authentication.ts'
import { NODE_REASONS } from '../nodes/node-reasons.ts'
import type { AnonymousAsker, Asker } from './asker.ts'
import { isNodeCertificate, isTrackerCertificate } from './machines.ts'

/** What happens when a valid certificate comes that no user has. */
export type FirstContact = 'refuse' | 'pending' | 'active'

export interface AskersComponents {
  readonly authenticate: Authenticate
  /** Whether it is another tracker of the same name. */
  readonly isTracker: (socket: Socket) => boolean
  readonly users: UserCatalog
  readonly nodes: Pick<NodeCatalog, 'byDn'>
  readonly clock: Clock
}

/** Finds out who a request comes from. */
export class Askers {
  readonly #c: AskersComponents
  readonly #onFirstContact: FirstContact

  constructor(components: AskersComponents, init: { onFirstContact: FirstContact }) {
    this.#c = components
    this.#onFirstContact = init.onFirstContact
  }

  /**
   * Never refuses: whoever is not known is anonymous, with the reason for those who turn it away. With `contact` a certificate
   * that comes for the first time may become a user by that.
   */
  async of(socket: Socket, use: { contact: boolean } = { contact: true }): Promise<Asker> {
    let principal: Principal
    try {
      principal = this.#c.authenticate(socket)
    } catch (error) {
      if (!(error instanceof CertificateError)) throw error
      return anonymous(undefined, error.message)
    }
    const known = await this.known(principal)
    if (known !== undefined) return known
    if (this.#c.isTracker(socket)) return { kind: 'tracker', principal, dn: principal.dn, admin: false }
    return await this.#stranger(principal, use)
  }

  /** Who this is, if it is a user or a node; nothing is made. */
  async known(principal: Principal): Promise<Asker | undefined> {
    const { dn } = principal
    const user = await this.#c.users.byDn(dn)
    if (user !== undefined) return await this.#user(principal, user)
    const node = await this.#c.nodes.byDn(dn)
    return node && nodeAsker(principal, node)
  }

  /** A user who is not here, for what it has delegated before. */
  async userNamed(name: string): Promise<Asker | undefined> {
    const user = await this.#c.users.byName(name)
    return user && (await this.#user(absent(user), user))
  }

  /** The node with this distinguished name, when it is not here. */
  async nodeNamed(dn: string): Promise<Asker | undefined> {
    const node = await this.#c.nodes.byDn(dn)
    return node && nodeAsker(absent(node), node)
  }

  async #stranger(principal: Principal, { contact }: { contact: boolean }): Promise<Asker> {
    const { dn } = principal
    if (isNodeCertificate(dn))
      return anonymous(principal, `${dn} is no enrolled node of this tracker: bootswarm node enroll`)
    if (isTrackerCertificate(dn))
      return anonymous(
        principal,
        `${dn} is no tracker of this name, and certificates of trackers are not for users`,
      )
    if (this.#onFirstContact === 'refuse' || !contact)
      return anonymous(principal, `${dn} is no user of this tracker; an admin can add it: bootswarm user add`)
    const state = this.#onFirstContact
    const nowMs = this.#c.clock.now()
    return await this.#user(
      principal,
      await this.#c.users.ensure({ dn, wanted: principal.commonName, state, nowMs }),
    )
  }

  async #user(principal: Principal, user: StoredUser): Promise<Asker> {
    const { id, name, dn, state } = user
    if (state !== 'active') return anonymous(principal, REASONS[state](name))
    const { groups, permissions } = await this.#c.users.standing(user)
    const admin = groups.has(ADMINS_GROUP)
    return { kind: 'user', principal, dn, id, name, state, groups, permissions, admin }
  }
}

const REASONS = {
  pending: (name: string) => `the account ${name} waits for an admin: bootswarm user activate ${name}`,
  inactive: (name: string) => `the account ${name} is inactive; an admin can activate it`,
  suspended: () => 'Account suspended',
} as const

function anonymous(principal: Principal | undefined, reason: string): AnonymousAsker {
  return { kind: 'anonymous', principal, dn: principal?.dn, reason, admin: false }
}

function nodeAsker(principal: Principal, node: StoredNode): Asker {
  const { dn, name, peer, labels, state } = node
  if (state !== 'active') return anonymous(principal, NODE_REASONS[state](name))
  if (principal.proxyDepth > 0)
    return anonymous(principal, `the node ${name} speaks with its own certificate, not with a proxy`)
  return { kind: 'node', principal, dn, name, peer, labels, admin: false }
}

/** Stands for somebody whose certificate nobody has shown now. */
function absent({ dn, name }: { dn: string; name: string }): Principal {
  const unknown = { fingerprint256: '', proxyDepth: 0, limited: false }
  return { dn, commonName: name, notAfterMs: Number.POSITIVE_INFINITY, ...unknown }
}
