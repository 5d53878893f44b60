import {
  type BootswarmError,
  CertificateError,
  InternalError,
  NotAuthorisedError,
} from '../../src/core/errors.ts'
import type { Permission, UserState } from '../../src/core/permission.ts'
import type { PeerKey } from '../../src/core/router.ts'
import type { Principal } from '../../src/identity/path-validation.ts'

/** Somebody in the table of users, with what the groups allow. */
export interface UserAsker {
  readonly kind: 'user'
  readonly principal: Principal
  readonly dn: string
  readonly id: number
  readonly name: string
  readonly state: UserState
  /** Names of the groups, `users` included. */
  readonly groups: ReadonlySet<string>
  readonly permissions: ReadonlySet<Permission>
  /** In the group `admins`. */
  readonly admin: boolean
}

/** A node that is enrolled and active. */
export interface NodeAsker {
  readonly kind: 'node'
  readonly principal: Principal
  readonly dn: string
  readonly name: string
  /** The peer ID that it has proved to have. */
  readonly peer: PeerKey
  /** site, zone, rack, as the tracker has them. */
  readonly labels: Readonly<Record<string, string>>
  readonly admin: false
}

/** Another tracker of the same database. */
export interface TrackerAsker {
  readonly kind: 'tracker'
  readonly principal: Principal
  readonly dn: string
  readonly admin: false
}

/** Nobody that is known, and why: no certificate, one that is not valid, or one that belongs to no user and no node. */
export interface AnonymousAsker {
  readonly kind: 'anonymous'
  readonly principal: Principal | undefined
  /** Of a valid certificate. */
  readonly dn: string | undefined
  /** What to tell who may not do something as anonymous. */
  readonly reason: string
  readonly admin: false
}

/** The refusal of what anonymous may not do: of the certificate, or of whom it names. */
export function refusalOf({ principal, reason }: AnonymousAsker): BootswarmError {
  return principal === undefined ? new CertificateError(reason) : new NotAuthorisedError(reason)
}

/** Who a request comes from, looked up once for each request. */
export type Asker = UserAsker | NodeAsker | TrackerAsker | AnonymousAsker

/** Somebody of the tables, or a tracker. */
export type KnownAsker = Exclude<Asker, AnonymousAsker>

declare module 'fastify' {
  interface FastifyRequest {
    /** Undefined only on routes that look at nobody (health). */
    asker: Asker | undefined
  }
}

export function askerOf(request: { asker: Asker | undefined }): Asker {
  if (request.asker === undefined)
    throw new InternalError('a route asked who is asking, and nobody had looked')
  return request.asker
}
