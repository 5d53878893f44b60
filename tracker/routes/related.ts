import { RelatedAnswer, RelatedBody } from '../../src/api/swarm-schemas.ts'
import { TRACKER_PATHS } from '../../src/api/tracker-paths.ts'
import type { ManifestId } from '../../src/core/cid.ts'
import { NotAuthorisedError } from '../../src/core/errors.ts'
import { RELATED_PEERS_MAX } from '../../src/core/registry-limits.ts'
import type { NodeAsker } from '../access/asker.ts'
import { enrolledNode } from '../access/enrolled-node.ts'
import type { RouteContext } from '../context.ts'
import type { FetchRight } from '../grants/fetch-rights.ts'
import type { Handler, Registration } from '../http/route.ts'
import { problems } from './answers.ts'

/** Nothing related, or nobody who has it: a peer may come. */
const ASK_AGAIN_SECONDS = 60

const findRelatedSchema = {
  tags: ['swarms'],
  summary: 'Other images with blocks of a manifest, and peers that have them',
  description:
    'Only of images that the node may read by its own right. Each with a grant, by which its peers give blocks by digest.',
  body: RelatedBody,
  response: { 200: RelatedAnswer, ...problems },
}

const findRelated: Handler<typeof findRelatedSchema> = (context) => async (request) => {
  const { manifest, peer, delegation } = request.body
  const node = enrolledNode(request, peer)
  await context.rights.manifest(node, manifest, delegation)
  const related: RelatedAnswer['related'] = []
  let askAgainSeconds = ASK_AGAIN_SECONDS
  for (const { manifest: other, share } of await context.commonality.related(manifest)) {
    const peers = context.swarms.handout(other, node).slice(0, RELATED_PEERS_MAX)
    const right = peers.length === 0 ? undefined : await ownRight(context, node, other)
    if (right === undefined) continue
    const use = { sub: node.dn, node: node.name, ...right, peer: node.peer, manifest: other }
    const { token, renewAfterSeconds } = await context.grants.issue(use)
    askAgainSeconds = Math.min(askAgainSeconds, renewAfterSeconds)
    related.push({ manifest: other, share, grant: token, peers })
  }
  return { related, askAgainSeconds }
}

/** Undefined where the node may not read it itself: what it may is not told. */
async function ownRight(
  context: RouteContext,
  node: NodeAsker,
  manifest: ManifestId,
): Promise<FetchRight | undefined> {
  try {
    return (await context.rights.manifest(node, manifest)).right
  } catch (error) {
    if (error instanceof NotAuthorisedError) return undefined
    throw error
  }
}

/** Commonality across swarms. */
export const relatedRoutes: Registration = (app, context) => {
  app.route({
    method: 'POST',
    url: TRACKER_PATHS.related,
    config: { machines: true },
    schema: findRelatedSchema,
    handler: findRelated(context),
  })
}
