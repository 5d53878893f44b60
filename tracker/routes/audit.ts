import { AuditAnswer, AuditQuery } from '../../src/api/audit-schemas.ts'
import { TRACKER_PATHS } from '../../src/api/tracker-paths.ts'
import { InvalidError } from '../../src/core/errors.ts'
import { parseTime, TIME_FORMS } from '../../src/core/quantity.ts'
import { askerOf } from '../access/asker.ts'
import type { Handler, Registration } from '../http/route.ts'
import { problems } from './answers.ts'

/** Lines of an answer that names no number. */
const LINES_DEFAULT = 100

const showAuditSchema = {
  tags: ['system'],
  summary: 'Who changed what, and who was refused; newest first, for admins',
  querystring: AuditQuery,
  response: { 200: AuditAnswer, ...problems },
}

const showAudit: Handler<typeof showAuditSchema> = (context) => async (request) => {
  context.access.admin(askerOf(request))
  const { since, until, before, limit = LINES_DEFAULT, ...filter } = request.query
  const times = { sinceMs: timeOf('since', since), untilMs: timeOf('until', until) }
  const { lines, next } = await context.audit.read({ ...filter, ...times }, { before, limit })
  return { lines: [...lines], next }
}

function timeOf(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const ms = parseTime(text)
  if (ms === undefined) throw new InvalidError(`${name} must be ${TIME_FORMS}`)
  return ms
}

/** The audit log. */
export const auditRoutes: Registration = (app, context) => {
  app.route({
    method: 'GET',
    url: TRACKER_PATHS.audit,
    schema: showAuditSchema,
    handler: showAudit(context),
  })
}
