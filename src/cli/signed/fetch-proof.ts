import { NotAuthorisedError } from '../../core/errors.ts'
import type { Reference } from '../../core/reference.ts'
import type { TrackerSession } from '../connect.ts'
import { type Judgement, openRecord } from '../records.ts'
import { checkProof, type Proof, type ProofResult } from './proof.ts'

/** Everything signed that the tracker gives of a version, checked. Errors: those of the tracker, and of checkProof. */
export async function fetchProof(
  { client, identity, name }: TrackerSession,
  asked: Reference,
  options: { signal: AbortSignal; nowMs: number },
): Promise<{ proof: Proof; result: ProofResult; judge: Judgement }> {
  const { signal, nowMs } = options
  const judge: Judgement = { trust: identity.trust, name, nowMs }
  const jws = await client.record(asked, { signal })
  const { version, signature } = await openRecord(jws, asked, judge)
  const key = { namespace: asked.namespace, name: asked.name }
  const publication = async () =>
    signature === null
      ? undefined
      : (await client.signed.signature({ ...key, version }, { signal })).signature
  const proof: Proof = {
    records: await client.signed.records(key, { signal }),
    publication: await publication(),
    imageAcl: await client.signed.aclChain(key, { signal }).catch(unlessRefused),
    namespaceAcl: await client.signed.aclChain({ namespace: key.namespace }, { signal }).catch(unlessRefused),
  }
  return { proof, judge, result: await checkProof(proof, { ...key, version }, judge) }
}

/** ACLs are for who may write; others get a proof without them. */
function unlessRefused(error: unknown): undefined {
  if (error instanceof NotAuthorisedError) return undefined
  throw error
}
