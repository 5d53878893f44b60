import { ACL_TYPE, type Acl, linkOfAcl, parseAcl } from '../../core/acl.ts'
import { checkFollows, type Link, type Linked, payloadDigest } from '../../core/chain.ts'
import type { DigestKey } from '../../core/cid.ts'
import { SignatureError } from '../../core/errors.ts'
import { CLOCK_SKEW_S } from '../../core/limits.ts'
import { linkOfRecord, parseRecordStatement, RECORD_TYPE, type RecordStatement } from '../../core/record.ts'
import { RecordStanding } from '../../core/record-standing.ts'
import { verifyJws } from '../../identity/jws.ts'
import type { Judgement } from '../records.ts'

export interface VerifiedStatement<T> {
  readonly statement: T
  readonly digest: DigestKey
}

/** A chain of which every signature and every link was checked. */
export interface VerifiedChain<T> {
  /** Oldest first; at least one. */
  readonly statements: readonly VerifiedStatement<T>[]
  readonly newest: VerifiedStatement<T>
  /** Statements that are missing before one by which an admin went on: `first` to `last`. */
  readonly gaps: readonly { readonly first: number; readonly last: number }[]
}

interface Kind<T> {
  readonly typ: string
  readonly parse: (claims: Readonly<Record<string, unknown>>) => T
  readonly linkOf: (statement: T) => Link
}

const ACLS: Kind<Acl> = { typ: ACL_TYPE, parse: parseAcl, linkOf: linkOfAcl }
const RECORDS: Kind<RecordStatement> = {
  typ: RECORD_TYPE,
  parse: parseRecordStatement,
  linkOf: linkOfRecord,
}

/** Errors: SignatureError, CertificateError, InvalidError; each names the statement. */
export async function verifyAclChain(
  tokens: readonly string[],
  judge: Judgement,
): Promise<VerifiedChain<Acl>> {
  return await verifyChain(tokens, ACLS, judge)
}

/** The chain of an image, and what it comes to. Errors: as `verifyAclChain`. */
export async function verifyRecordChain(
  tokens: readonly string[],
  judge: Judgement,
): Promise<VerifiedChain<RecordStatement> & { readonly standing: RecordStanding }> {
  const chain = await verifyChain(tokens, RECORDS, judge)
  const standing = new RecordStanding()
  for (const { statement, digest } of chain.statements) standing.apply(statement, digest)
  return { ...chain, standing }
}

async function verifyChain<T>(
  tokens: readonly string[],
  kind: Kind<T>,
  judge: Judgement,
): Promise<VerifiedChain<T>> {
  const statements: VerifiedStatement<T>[] = []
  const gaps: { first: number; last: number }[] = []
  let before: Linked | undefined
  for (const token of tokens) {
    const statement = await verifyStatementOf(token, kind, judge)
    const link = kind.linkOf(statement)
    if (link.iat > judge.nowMs / 1000 + CLOCK_SKEW_S)
      throw new SignatureError(
        `statement ${link.serial} of ${link.target} was signed in the future: is the clock of this machine right?`,
      )
    const missing = checkFollows(before, link)
    if (missing > 0) gaps.push({ first: link.serial - missing, last: link.serial - 1 })
    const digest = payloadDigest(token)
    statements.push({ statement, digest })
    before = { link, digest }
  }
  const newest = statements.at(-1)
  if (newest === undefined) throw new SignatureError('there is no statement in it')
  return { statements, newest, gaps }
}

async function verifyStatementOf<T>(token: string, kind: Kind<T>, judge: Judgement): Promise<T> {
  const { trust, nowMs, name } = judge
  return kind.parse((await verifyJws(token, { trust, typ: kind.typ, nowMs, host: name })).claims)
}
