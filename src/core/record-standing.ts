import type { DigestKey } from './cid.ts'
import { SignatureError } from './errors.ts'
import { type ImageRecord, isRecord, type RecordStatement, type Removal } from './record.ts'

/** The newest record of a version, and the digest of its payload. */
export interface StandingRecord {
  readonly record: ImageRecord
  readonly digest: DigestKey
}

/** What the chain of an image comes to: the versions that are there, each with its newest record. */
export class RecordStanding {
  readonly #versions: Map<number, StandingRecord>
  /** The highest number that the image has had since the last repair. */
  #highest: number
  #ended: boolean

  constructor(before?: RecordStanding) {
    this.#versions = new Map(before === undefined ? [] : before.#versions)
    this.#highest = before === undefined ? 0 : before.#highest
    this.#ended = before === undefined ? false : before.#ended
  }

  get versions(): ReadonlyMap<number, StandingRecord> {
    return this.#versions
  }

  /** Whether the image was removed. */
  get ended(): boolean {
    return this.#ended
  }

  /** The next statement of the chain. Throws SignatureError when it contradicts those before it. */
  apply(statement: RecordStatement, digest: DigestKey): void {
    const { image, serial } = statement
    const wrong = (what: string) =>
      new SignatureError(`statement ${serial} of the image ${image} ${what}`, { data: { image, serial } })
    if (this.#ended && !statement.repaired) throw wrong('comes after the image was removed')
    if (isRecord(statement)) this.#record({ record: statement, digest }, wrong)
    else this.#remove(statement, wrong)
  }

  #record(next: StandingRecord, wrong: (what: string) => SignatureError): void {
    const { record } = next
    const { version, formerly, event } = record
    if (event === 'commit' && version <= this.#highest) throw wrong(`gives the number ${version} again`)
    const before = this.#versions.get(formerly?.version ?? version)?.record
    if (event !== 'commit' && before?.manifest !== record.manifest)
      throw wrong('is of bytes that were not there')
    if (event === 'sign' && record.signature === null) throw wrong('names no signature')
    if (formerly !== null) {
      if (formerly.namespace !== before?.namespace || formerly.name !== before.name)
        throw wrong('renames what had another name')
      if (formerly.version !== version && this.#versions.has(version))
        throw wrong('takes a number that is in use')
      this.#versions.delete(formerly.version)
    }
    this.#versions.set(version, next)
    this.#highest = Math.max(this.#highest, version)
  }

  #remove({ event, version }: Removal, wrong: (what: string) => SignatureError): void {
    if (event === 'repair') {
      this.#highest = 0
      this.#ended = false
    } else if (version === null) {
      this.#versions.clear()
      this.#ended = true
    } else if (!this.#versions.delete(version)) throw wrong(`removes version ${version}, which was not there`)
  }
}
