import { UsageAnswer, UsageQuery, type UsageView } from '../../src/api/accounting-schemas.ts'
import { TRACKER_PATHS } from '../../src/api/tracker-paths.ts'
import { QUERY_ROWS_DEFAULT } from '../../src/core/registry-limits.ts'
import { askerOf } from '../access/asker.ts'
import type { Usage } from '../catalog/quota.ts'
import type { Handler, Registration } from '../http/route.ts'
import { problems } from './answers.ts'

const showUsageSchema = {
  tags: ['users'],
  summary: 'What the asker owns and may own; for admins, of every user',
  querystring: UsageQuery,
  response: { 200: UsageAnswer, ...problems },
}

const showUsage: Handler<typeof showUsageSchema> = (context) => async (request) => {
  const user = context.access.user(askerOf(request), { change: false })
  const { usage } = context.catalog
  if (!user.admin) {
    const own = await usage.of(user)
    return { users: own === undefined ? [] : [viewOf(own)], next: null }
  }
  const { after = '', limit = QUERY_ROWS_DEFAULT } = request.query
  const list = await usage.list({ after, limit: limit + 1 })
  const users = list.slice(0, limit).map(viewOf)
  return { users, next: list.length > limit ? (users.at(-1)?.user_name ?? null) : null }
}

function viewOf({ user, images, bytes, uploadingBytes, quota }: Usage): UsageView {
  return {
    ...{ user_name: user, images, bytes, uploading_bytes: uploadingBytes },
    ...{ quota_bytes: quota.bytes, quota_images: quota.images },
  }
}

/** What users own. */
export const usageRoutes: Registration = (app, context) => {
  app.route({
    method: 'GET',
    url: TRACKER_PATHS.usage,
    schema: showUsageSchema,
    handler: showUsage(context),
  })
}
