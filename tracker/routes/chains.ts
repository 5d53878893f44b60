import { Type } from '@sinclair/typebox'
import { ChainReport, RepairAnswer, RepairBody } from '../../src/api/acl-schemas.ts'
import { TRACKER_PATHS } from '../../src/api/tracker-paths.ts'
import { askerOf } from '../access/asker.ts'
import { type Repaired, repairChain } from '../acl/repair.ts'
import { ChainScrub } from '../acl/scrub.ts'
import type { Handler, Registration } from '../http/route.ts'
import { allowLong } from '../http/signal.ts'
import { problems } from './answers.ts'

const tags = ['system']

const checkChainsSchema = {
  tags,
  summary:
    'Read every signed chain from its start and report what was changed outside the tracker; for admins',
  body: Type.Object({}, { additionalProperties: false }),
  response: { 200: ChainReport, ...problems },
}
const repairChainsSchema = {
  tags,
  summary: 'Go on with chains whose newest statements were lost or altered; for admins',
  description:
    'What can be shown to be right from the first statement on stays, the rest goes, and a signed statement says so. Without `keep`, entries of ACLs go too, and so do versions that no chain has.',
  body: RepairBody,
  response: { 200: RepairAnswer, ...problems },
}

const checkChains: Handler<typeof checkChainsSchema> = (context) => async (request, reply) => {
  context.access.admin(askerOf(request))
  allowLong(reply)
  const { chains, statements, renewed, problems } = await ChainScrub.run(context.catalog.signed)
  return { chains, statements, renewed, problems: [...problems] }
}

const repairChains: Handler<typeof repairChainsSchema> = (context) => async (request, reply) => {
  const { dn: author } = context.access.admin(askerOf(request))
  allowLong(reply)
  const { signed } = context.catalog
  const { target, keep = false } = request.body
  const targets = target === 'all' ? await wrongOnes() : [target]
  const repaired: Repaired[] = []
  for (const one of targets) {
    const outcome = await repairChain(signed, one, { author, keep })
    if (outcome !== undefined) repaired.push(outcome)
  }
  context.log.warn({ author, keep, repaired }, 'chains were repaired')
  return repaired.map(({ kept, dropped, ...rest }) => ({
    ...rest,
    ...(kept === undefined ? {} : { kept: [...kept] }),
    ...(dropped === undefined ? {} : { dropped: [...dropped] }),
  }))

  async function wrongOnes(): Promise<string[]> {
    const { problems } = await ChainScrub.run(signed)
    return problems.flatMap((one) => (one.repaired ? [] : [one.target]))
  }
}

/** What looks after signed chains. */
export const chainRoutes: Registration = (app, context) => {
  const { chains, chainRepairs } = TRACKER_PATHS
  app.route({ method: 'POST', url: chains, schema: checkChainsSchema, handler: checkChains(context) })
  app.route({ method: 'POST', url: chainRepairs, schema: repairChainsSchema, handler: repairChains(context) })
}
