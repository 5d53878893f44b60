import { mkdir } from 'node:fs/promises'
import { type AuditEntry, type AuditFilter, auditDigest, encodeAuditLine } from '../../src/core/audit-line.ts'
import type { Clock } from '../../src/core/clock.ts'
import { StorageError } from '../../src/core/errors.ts'
import type { Log } from '../../src/core/log.ts'
import { AUDIT_LINE_BYTES_MAX, AUDIT_QUEUE_LINES_MAX, AUDIT_SYNC_MS } from '../../src/core/registry-limits.ts'
import { AuditFile, type AuditPlace, placeAfterRotated, rotateAuditFile } from './audit-file.ts'
import { type AuditPage, type AuditPageResult, readAudit } from './audit-reader.ts'
import { type Omitted, RefusalLimiter } from './refusal-limiter.ts'

export interface AuditLogInit {
  readonly dir: string
  /** Size past which a file gets a name of its own and the next begins. */
  readonly rotateBytes: number
}

/**
 * Appends lines to `audit.jsonl`: written at once, all that come in one turn together, and synced to disk every AUDIT_SYNC_MS and at
 * the end. A crash of the tracker loses none that was written, one of the machine those of the last second. Lines that cannot be
 * written wait, AUDIT_QUEUE_LINES_MAX of them, and `check` fails meanwhile.
 */
export class AuditLog {
  readonly #c: { readonly clock: Clock; readonly log: Log }
  readonly #init: AuditLogInit
  readonly #refusals: RefusalLimiter
  #file: AuditFile
  #place: AuditPlace
  /** Numbered and chained, in the order of their numbers. */
  #waiting: string[] = []
  #lost = 0
  #working: Promise<void> = Promise.resolve()
  #isScheduled = false
  #cancelSync: (() => void) | undefined
  #failure: unknown

  private constructor(
    components: { clock: Clock; log: Log },
    init: AuditLogInit & { file: AuditFile; place: AuditPlace },
  ) {
    this.#c = components
    this.#init = init
    this.#file = init.file
    this.#place = init.place
    this.#refusals = new RefusalLimiter(components, { onOmitted: (omitted) => this.#tellOmitted(omitted) })
  }

  /** Opens the log in a folder of its own, made where it is missing. Throws StorageError when it cannot go on with it. */
  static async open(components: { clock: Clock; log: Log }, init: AuditLogInit): Promise<AuditLog> {
    try {
      await mkdir(init.dir, { recursive: true, mode: 0o700 })
      const { file, place, tornBytes } = await AuditFile.open(init.dir)
      const from = place ?? (await placeAfterRotated(init.dir))
      const audit = new AuditLog(components, { ...init, file, place: from })
      if (tornBytes > 0) audit.write({ action: 'audit.torn', result: 'failed', count: tornBytes })
      return audit
    } catch (cause) {
      if (cause instanceof StorageError) throw cause
      throw new StorageError(`the audit log in ${init.dir} cannot be opened`, { cause })
    }
  }

  /** Writes a line down. Refusals beyond what one asker may cause are counted instead. */
  write(entry: Omit<AuditEntry, 'time'>): void {
    if (
      entry.result === 'refused' &&
      !this.#refusals.admit(entry.kind === 'anonymous' ? null : (entry.dn ?? null))
    )
      return
    this.#append(entry)
  }

  /** What was written so far, newest first. */
  async read(filter: AuditFilter, page: AuditPage): Promise<AuditPageResult> {
    await this.#work(() => this.#drain())
    return await readAudit(this.#init.dir, filter, page)
  }

  /** Throws StorageError while lines cannot be written. */
  check(): void {
    if (this.#failure === undefined) return
    throw new StorageError('the audit log cannot be written', { cause: this.#failure })
  }

  /** Goes on in a new file when somebody has moved this one away (SIGHUP). */
  async reopen(): Promise<void> {
    await this.#work(() => this.#openAgain())
  }

  /** Writes and syncs what waits. */
  async flush(): Promise<void> {
    await this.#work(async () => {
      await this.#drain()
      await this.#file.sync()
    })
  }

  async close(): Promise<void> {
    this.#refusals.flush()
    await this.flush()
    this.#cancelSync?.()
    await this.#file.close()
  }

  #append(entry: Omit<AuditEntry, 'time'>): void {
    if (this.#waiting.length >= AUDIT_QUEUE_LINES_MAX) {
      this.#lost++
      return
    }
    if (this.#lost > 0) {
      const count = this.#lost
      this.#lost = 0
      this.#number({ action: 'audit.lost', result: 'failed', count })
    }
    this.#number(entry)
    this.#schedule()
  }

  #number(entry: Omit<AuditEntry, 'time'>): void {
    const time = new Date(this.#c.clock.now()).toISOString()
    const seq = this.#place.seq + 1
    const text = encode({ time, ...entry }, { seq, prev: this.#place.prev })
    this.#place = { seq, prev: auditDigest(text) }
    this.#waiting.push(`${text}\n`)
  }

  #tellOmitted(omitted: readonly Omitted[]): void {
    for (const { dn, count } of omitted)
      this.#append({ action: 'audit.omitted', result: 'refused', dn, count, detail: 'refusals left out' })
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      void this.#work(() => this.#drain())
    })
    this.#cancelSync ??= this.#c.clock.after(AUDIT_SYNC_MS, () => {
      this.#cancelSync = undefined
      void this.flush()
      if (this.#waiting.length > 0) this.#schedule()
    })
  }

  /** One after the other; a failure is remembered and logged once. */
  async #work(task: () => Promise<void>): Promise<void> {
    this.#working = this.#working.then(task).then(
      () => {
        this.#failure = undefined
      },
      (err: unknown) => {
        if (this.#failure === undefined) this.#c.log.error({ err }, 'the audit log cannot be written')
        this.#failure = err
      },
    )
    await this.#working
  }

  async #drain(): Promise<void> {
    const lines = [...this.#waiting]
    if (lines.length === 0) return
    await this.#file.append(lines.join(''))
    this.#waiting = this.#waiting.slice(lines.length)
    if (this.#file.size >= this.#init.rotateBytes) await this.#rotate()
  }

  async #rotate(): Promise<void> {
    await this.#file.sync()
    // Lines that came meanwhile have their numbers and stand in the next file.
    await rotateAuditFile(this.#init.dir, this.#place.seq - this.#waiting.length)
    await this.#openAgain()
  }

  async #openAgain(): Promise<void> {
    await this.#file.close()
    const { file, place } = await AuditFile.open(this.#init.dir)
    this.#file = file
    // A new file never stays empty: its first line is where the chain goes on after a restart.
    if (place === undefined) this.#append({ action: 'audit.continued', result: 'done' })
  }
}

/** What is too long for a line loses what others can be found by: the request has an id. */
function encode(entry: AuditEntry, place: AuditPlace): string {
  const text = encodeAuditLine(entry, place)
  if (Buffer.byteLength(text) < AUDIT_LINE_BYTES_MAX) return text
  const { target: _target, detail: _detail, ...rest } = entry
  return encodeAuditLine({ ...rest, detail: 'left out: too long' }, place)
}
