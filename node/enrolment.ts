import { readFile, rm } from 'node:fs/promises'
import type { NodeEnrolment } from '../src/api/node-schemas.ts'
import type { TrackerClient } from '../src/api/tracker-client.ts'
import type { Clock } from '../src/core/clock.ts'
import { AbortedError, BootswarmError, ConflictError, NotAuthorisedError } from '../src/core/errors.ts'
import type { Lifecycle } from '../src/core/lifecycle.ts'
import { ENROL_RETRY_MS, ENROL_WAIT_MS } from '../src/core/limits.ts'
import type { Log } from '../src/core/log.ts'
import { checkPass } from '../src/core/pass.ts'
import type { PeerKey } from '../src/core/router.ts'
import type { PassBook } from '../src/identity/pass-book.ts'
import { signPeerProof } from '../src/identity/peer-proof.ts'
import { writeWhole } from '../src/util/write-whole.ts'
import type { TrackerLink } from './tracker-link.ts'

export interface EnrolmentComponents {
  readonly client: Pick<TrackerClient, 'enrol' | 'pass'>
  readonly link: Pick<TrackerLink, 'watched' | 'pass'>
  readonly passes: PassBook
  readonly clock: Clock
  readonly log: Log
  /** This node may not take part any more: it was revoked, or waits for an admin. */
  refused(reason: Error): void
}

export interface EnrolmentInit {
  /** Distinguished name of this node's certificate. */
  readonly dn: string
  readonly self: PeerKey
  readonly peerKey: Uint8Array
  /** Name of the tracker. */
  readonly tracker: string
  readonly labels: Readonly<Record<string, string>>
  /** Where the last pass is kept, so that a restart without the tracker has it. */
  readonly path: string
}

type State = NodeEnrolment['state']

/**
 * This node as the tracker knows it: enrols when the daemon starts, keeps a pass that is in force, and says what it
 * waits for. While the tracker is away the last pass is kept: peers honour it for their grace period.
 */
export class Enrolment implements Lifecycle {
  readonly #c: EnrolmentComponents
  readonly #init: EnrolmentInit
  readonly #stopping = new AbortController()
  readonly #first = Promise.withResolvers<void>()
  #cancel = () => {}
  /** The round that is under way. */
  #running: Promise<void> | undefined
  #state: State = 'unknown'
  #name: string | undefined
  #reason: string | undefined
  #passUntilMs: number | undefined

  constructor(components: EnrolmentComponents, init: EnrolmentInit) {
    this.#c = components
    this.#init = init
  }

  /** Takes up the pass of an earlier run; asks the tracker, which nobody waits for here. */
  async start(): Promise<void> {
    await this.#load()
    void this.#round(() => this.#enrol())
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new AbortedError('the node is stopping'))
    this.#cancel()
    this.#first.resolve()
  }

  status(): NodeEnrolment {
    const name = this.#name === undefined ? {} : { name: this.#name }
    const reason = this.#reason === undefined ? {} : { reason: this.#reason }
    const passUntil =
      this.#passUntilMs === undefined ? {} : { passUntil: new Date(this.#passUntilMs).toISOString() }
    return { state: this.#state, ...name, ...reason, ...passUntil }
  }

  /**
   * For who needs the pass: resolves when the tracker has answered, or has had some seconds for it. A node without a pass asks again
   * at once: the tracker may have come, or an admin may have approved it.
   */
  async asked(): Promise<void> {
    if (this.#state !== 'active') void this.now()
    const late = Promise.withResolvers<void>()
    const cancel = this.#c.clock.after(ENROL_WAIT_MS, late.resolve)
    await Promise.race([this.#running ?? this.#first.promise, late.promise]).finally(cancel)
  }

  /** Enrols, or enrols again, at once; what became of it is in the answer. */
  async now(): Promise<NodeEnrolment> {
    this.#cancel()
    await (this.#running ?? this.#round(() => this.#enrol()))
    return this.status()
  }

  /** Returns after how many milliseconds to ask again. Errors: those of the tracker. */
  async #enrol(): Promise<number> {
    const { client, link, clock } = this.#c
    const { dn, self, peerKey, tracker, labels } = this.#init
    const iat = Math.floor(clock.now() / 1000)
    const proof = await signPeerProof(peerKey, { dn, aud: tracker, iat })
    const { signal } = this.#stopping
    const answer = await link.watched(client.enrol({ peer: self, proof, labels: { ...labels } }, { signal }))
    const { node, pass } = answer
    this.#name = node.name
    if (pass === undefined) {
      const advice = `an admin can approve it: bootswarm node approve ${node.name}`
      await this.#lost(
        node.state,
        new NotAuthorisedError(`the node ${node.name} is ${node.state}; ${advice}`),
      )
      return ENROL_RETRY_MS
    }
    await this.#won(pass.pass)
    return pass.renewAfterSeconds * 1000
  }

  async #renew(): Promise<number> {
    const { client, link } = this.#c
    const body = { peer: this.#init.self }
    try {
      const { pass, renewAfterSeconds } = await link.watched(
        client.pass(body, { signal: this.#stopping.signal }),
      )
      await this.#won(pass)
      return renewAfterSeconds * 1000
    } catch (error) {
      // Not this node any more: enrolling says what it is instead.
      if (error instanceof NotAuthorisedError || error instanceof ConflictError) return await this.#enrol()
      throw error
    }
  }

  /** Whatever happens in a round, there is a next one. */
  #round(ask: () => Promise<number>): Promise<void> {
    const running = this.#ask(ask).finally(() => {
      if (this.#running === running) this.#running = undefined
    })
    this.#running = running
    return running
  }

  async #ask(ask: () => Promise<number>): Promise<void> {
    let nextMs = ENROL_RETRY_MS
    try {
      nextMs = await ask()
    } catch (error) {
      await this.#failed(error)
    }
    this.#first.resolve()
    if (this.#stopping.signal.aborted) return
    const renew = this.#state === 'active' ? () => this.#renew() : () => this.#enrol()
    this.#cancel = this.#c.clock.after(nextMs, () => void this.#round(renew))
  }

  async #failed(error: unknown): Promise<void> {
    if (this.#stopping.signal.aborted) return
    const { log } = this.#c
    if (error instanceof NotAuthorisedError || error instanceof ConflictError) {
      await this.#lost('refused', error)
    } else if (error instanceof BootswarmError) {
      this.#reason = error.message
      log.warn({ err: error.message }, 'the tracker gives no pass at the moment')
    } else log.error({ err: error }, 'could not enrol')
  }

  async #won(token: string): Promise<void> {
    const { passes, link, clock, log } = this.#c
    const pass = await link.pass(token)
    checkPass(pass, { peer: this.#init.self, nowMs: clock.now(), graceS: 0 })
    if (this.#state !== 'active')
      log.info({ node: pass.node, labels: pass.labels }, 'enrolled at the tracker')
    this.#name = pass.node
    this.#state = 'active'
    this.#reason = undefined
    this.#passUntilMs = pass.exp * 1000
    passes.setOwn(token)
    await this.#save(token)
  }

  async #lost(state: State, reason: Error): Promise<void> {
    const { passes, log, refused } = this.#c
    if (this.#state !== state) log.warn({ state, err: reason.message }, 'this node may not take part')
    this.#state = state
    this.#reason = reason.message
    this.#passUntilMs = undefined
    passes.setOwn(undefined)
    refused(reason)
    await rm(this.#init.path, { force: true })
  }

  async #load(): Promise<void> {
    const { link, passes, log } = this.#c
    const token = await readFile(this.#init.path, 'utf8').catch(() => undefined)
    if (token === undefined) return
    try {
      const pass = await link.pass(token)
      if (pass.peer !== this.#init.self || pass.sub !== this.#init.dn) return
      this.#name = pass.node
      this.#passUntilMs = pass.exp * 1000
      passes.setOwn(token)
    } catch (error) {
      if (!(error instanceof BootswarmError)) throw error
      log.warn({ err: error.message }, 'the pass of an earlier run is not valid')
    }
  }

  async #save(token: string): Promise<void> {
    try {
      await writeWhole(this.#init.path, token)
    } catch (error) {
      this.#c.log.error({ err: error }, 'could not keep the pass')
    }
  }
}
