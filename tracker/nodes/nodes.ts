import type { Clock } from '../../src/core/clock.ts'
import { ConflictError, NotAuthorisedError, StateError } from '../../src/core/errors.ts'
import type { Log } from '../../src/core/log.ts'
import { checkPeerProof } from '../../src/core/peer-proof.ts'
import type { NodeState } from '../../src/core/permission.ts'
import { NODE_SEEN_PRECISION_MS } from '../../src/core/registry-limits.ts'
import type { PeerKey } from '../../src/core/router.ts'
import type { Principal } from '../../src/identity/path-validation.ts'
import { verifyPeerProof } from '../../src/identity/peer-proof.ts'
import { isNodeCertificate, isTrackerCertificate } from '../access/machines.ts'
import type { AuditLog } from '../audit/audit-log.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { Labels, StoredNode } from '../catalog/node-catalog.ts'
import type { GrantIssuer } from '../grants/grant-issuer.ts'
import type { PassIssuer } from '../grants/pass-issuer.ts'
import type { Issued } from '../grants/short-lived.ts'
import { nodeNameOf } from './node-name.ts'
import { NODE_REASONS } from './node-reasons.ts'

/**
 * Who becomes active without an admin: `machines` those with a certificate for nodes (OU=nodes), `approve` nobody,
 * `open` everybody with a valid certificate.
 */
export type EnrolmentMode = 'machines' | 'approve' | 'open'

export interface NodesComponents {
  readonly catalog: Pick<Catalog, 'nodes' | 'users' | 'acls' | 'placements' | 'profiles' | 'transaction'>
  readonly passes: PassIssuer
  readonly grants: GrantIssuer
  readonly audit: Pick<AuditLog, 'write'>
  readonly clock: Clock
  readonly log: Log
  /** A peer that counts for nothing any more: the tracker's own peer and the swarms drop it. */
  dismissed(peer: PeerKey): void
}

export interface NodesInit {
  readonly enrolment: EnrolmentMode
  /** Names of the tracker, for one of which a proof must be. */
  readonly audience: ReadonlySet<string>
}

/** What a node asks for. */
export interface EnrolmentRequest {
  readonly peer: PeerKey
  /** JWS by the peer key. */
  readonly proof: string
  readonly name?: string | undefined
  readonly labels?: Labels | undefined
}

/** The hypervisors of the site: who they are, which of them may take part, and what is taken back from one that may not. */
export class Nodes {
  readonly #c: NodesComponents
  readonly #init: NodesInit

  constructor(components: NodesComponents, init: NodesInit) {
    this.#c = components
    this.#init = init
  }

  /**
   * Enters the node that this principal is, with the peer key that it proves. Errors: SignatureError, InvalidError,
   * NotAuthorisedError when the certificate is no machine's, ConflictError, LimitError.
   */
  async enrol(principal: Principal, request: EnrolmentRequest): Promise<StoredNode> {
    await this.#checkMachine(principal)
    const { peer, proof, labels = {} } = request
    const { dn } = principal
    const nowMs = this.#c.clock.now()
    checkPeerProof(await verifyPeerProof(proof, peer), { dn, peer, audience: this.#init.audience, nowMs })
    const usual = nodeNameOf(principal.commonName)
    const name = request.name ?? usual
    const fresh = this.#freshState(principal, { named: name !== usual })
    const { before, node } = await this.#c.catalog.nodes.enrol({ name, dn, peer, labels, fresh, nowMs })
    if (before !== undefined && before.peer !== peer) this.#withdraw(before)
    if (before?.modifiedAtMs !== node.modifiedAtMs) this.#tell(principal, node)
    return node
  }

  /** A pass for an active node. Errors: NotAuthorisedError, which says what the node waits for. */
  async pass(node: StoredNode): Promise<Issued> {
    if (node.state !== 'active') throw new NotAuthorisedError(NODE_REASONS[node.state](node.name))
    const { name, dn, peer, labels } = node
    const issued = await this.#c.passes.issue({ node: name, sub: dn, peer, labels })
    const nowMs = this.#c.clock.now()
    const isRecent = node.seenAtMs !== null && nowMs - node.seenAtMs < NODE_SEEN_PRECISION_MS
    if (!isRecent) await this.#c.catalog.nodes.seen(node, nowMs)
    return issued
  }

  /** Errors: NotFoundError. */
  async setState(name: string, state: NodeState): Promise<StoredNode> {
    const node = await this.#c.catalog.nodes.setState(name, { state, nowMs: this.#c.clock.now() })
    if (state !== 'active') this.#withdraw(node)
    return node
  }

  /** Errors: NotFoundError. */
  async setLabels(name: string, labels: Labels): Promise<StoredNode> {
    const node = await this.#c.catalog.nodes.setLabels(name, { labels, nowMs: this.#c.clock.now() })
    this.#c.passes.purge(({ peer }) => peer === node.peer)
    return node
  }

  /**
   * Forgets a node, and what ACLs gave it: a node that takes its name later starts with nothing. Errors: NotFoundError,
   * StateError for a revoked one: forgotten, it could enrol again.
   */
  async remove(name: string, { author }: { author: string }): Promise<void> {
    const { catalog } = this.#c
    const removed = await catalog.transaction(async (trx) => {
      const node = await catalog.nodes.remove(trx, name)
      if (node.state === 'revoked') throw revokedStays(name)
      await catalog.placements.forget(trx, name)
      await catalog.profiles.forget(trx, name, { nowMs: this.#c.clock.now() })
      await catalog.acls.forget({ kind: 'node', subject: name }, { author, trx })
      return node
    })
    this.#withdraw(removed)
  }

  /** Takes back at once what the tracker itself can take back; what peers hold of it ends with its life. */
  #withdraw({ peer }: StoredNode): void {
    this.#c.passes.purge((pass) => pass.peer === peer)
    this.#c.grants.purge((grant) => grant.peer === peer)
    this.#c.dismissed(peer)
  }

  /** Writes down that an enrolment has changed something. */
  #tell({ dn, proxyDepth }: Principal, { name, peer, state }: StoredNode): void {
    const target = { node: name, peer, state }
    this.#c.audit.write({
      action: 'nodes.enrol',
      result: 'done',
      dn,
      proxyDepth,
      kind: 'node',
      asker: name,
      target,
    })
    this.#c.log.info({ node: name, dn, peer, state }, 'a node enrolled')
  }

  async #checkMachine({ dn, proxyDepth }: Principal): Promise<void> {
    if (proxyDepth > 0)
      throw new NotAuthorisedError('a node enrols with its own certificate, not with a proxy')
    if (isTrackerCertificate(dn))
      throw new NotAuthorisedError(`${dn} is the certificate of a tracker; give the node one of its own`)
    if ((await this.#c.catalog.users.byDn(dn)) !== undefined)
      throw new ConflictError(`${dn} is a user of this tracker; give the node a certificate of its own`)
  }

  /** A name other than that of the certificate may stand in ACLs: somebody must look at it. */
  #freshState({ dn }: Principal, { named }: { named: boolean }): NodeState {
    const { enrolment } = this.#init
    if (named || enrolment === 'approve') return 'pending'
    return enrolment === 'open' || isNodeCertificate(dn) ? 'active' : 'pending'
  }
}

function revokedStays(name: string): StateError {
  return new StateError(
    `the node ${name} is revoked, and forgotten it could enrol again: revoke its certificate too (bootswarm ca revoke), then approve and remove it`,
  )
}
