import type { Socket } from 'node:net'
import type { Clock } from '../../src/core/clock.ts'
import { BootswarmError } from '../../src/core/errors.ts'
import { ADMINS_GROUP } from '../../src/core/permission.ts'
import type { Principal } from '../../src/identity/path-validation.ts'
import type { StoredUser, UserCatalog } from '../catalog/user-catalog.ts'
import type { Authenticate } from '../http/authentication.ts'
import type { AnonymousAsker, Asker } from './asker.ts'

/** Organizational units by which `bootswarm ca issue` marks the certificates of machines. */
const NODE_UNIT = 'OU=nodes'
const TRACKER_UNIT = 'OU=trackers'

/** What happens when a valid certificate comes that no user has. */
export type FirstContact = 'refuse' | 'pending' | 'active'

export interface AskersComponents {
  readonly authenticate: Authenticate
  readonly users: UserCatalog
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

  /** Never refuses: whoever is not known is anonymous, with the reason for those who turn it away. */
  async of(socket: Socket): Promise<Asker> {
    let principal: Principal
    try {
      principal = this.#c.authenticate(socket)
    } catch (error) {
      if (!(error instanceof BootswarmError)) throw error
      return anonymous(undefined, error.message)
    }
    return await this.#known(principal)
  }

  /** Makes sure that these distinguished names are active users and admins. */
  async appoint(admins: readonly string[]): Promise<void> {
    for (const dn of admins) {
      const wanted = /CN=(?<name>(?:\\.|[^/\\])*)(?!.*CN=)/.exec(dn)?.groups?.['name'] ?? 'admin'
      await this.#c.users.ensure({ dn, wanted, state: 'active', nowMs: this.#c.clock.now() }, [ADMINS_GROUP])
    }
  }

  async #known(principal: Principal): Promise<Asker> {
    const { dn } = principal
    const user = await this.#c.users.byDn(dn)
    if (user !== undefined) return await this.#user(principal, user)
    const units = unitsOf(dn)
    if (units.has(TRACKER_UNIT)) return { kind: 'tracker', principal, dn, admin: false }
    if (units.has(NODE_UNIT)) {
      return { kind: 'node', principal, dn, name: principal.commonName, peer: '', admin: false }
    }
    if (this.#onFirstContact === 'refuse') {
      return anonymous(principal, `${dn} is no user of this tracker; an admin can add it: bootswarm user add`)
    }
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

/** Slash form: `\\` stands before a `/` or `+` that belongs to a value. */
function unitsOf(dn: string): ReadonlySet<string> {
  return new Set(dn.split(/(?<!\\)[/+]/))
}
