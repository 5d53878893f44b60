import fastifyFormbody from '@fastify/formbody'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { PROBLEM_TYPE } from '../../src/api/problem.ts'
import { TextFields } from '../../src/api/text-values.ts'
import { NotAcceptableError, UnsupportedError } from '../../src/core/errors.ts'
import type { App } from './app-type.ts'
import { OCTETS } from './body.ts'
import { continueBody } from './continue.ts'
import { ANSWER_TYPES, type AnswerType, negotiate } from './negotiation.ts'
import { readXml } from './xml-reader.ts'
import { writeXml, type XmlNames } from './xml-writer.ts'

const XML_TYPES = ['application/xml', 'text/xml']
const PROBLEM_XML = 'application/problem+xml'
/** RFC 7807, appendix A; RFC 9457 keeps it. */
const PROBLEM_NAMES: XmlNames = { xml: { name: 'problem', namespace: 'urn:ietf:rfc:7807' } }

declare module 'fastify' {
  interface FastifyRequest {
    /** Form of the answer when it is data. */
    answerType: AnswerType
  }
}

/**
 * Bodies of requests in JSON, as a form or in XML, and answers in JSON or XML, for every route of `app` that has a schema for
 * them: the schema says what becomes of texts (src/api/text-values.ts).
 */
export async function addForms(app: App): Promise<void> {
  await app.register(fastifyFormbody, { parser: formFields })
  app.addContentTypeParser(XML_TYPES, { parseAs: 'buffer' }, async (_request: unknown, body: Buffer) =>
    readXml(body),
  )
  app.decorateRequest('answerType', 'application/json')
  app.addHook('onRequest', async (request) => chooseAnswer(request))
  app.addHook('preParsing', async (request) => {
    // Who reads the bytes of images asks for them when there is a place for them.
    const later = request.routeOptions.config.readsBody === true
    if (!later && !request.headers['content-type']?.startsWith(OCTETS)) continueBody(request.raw)
  })
  app.addHook('onSend', async (request, reply, payload) => asXml(request, { reply, payload }))
}

function formFields(text: string): Record<string, unknown> {
  const fields = new TextFields({ entries: [...new URLSearchParams(text)], isForm: true })
  // The type of the parser knows only records; the validator knows what this is.
  return fields as unknown as Record<string, unknown>
}

function chooseAnswer(request: FastifyRequest): void {
  const asked = takeFormat(request)
  const accepted = negotiate(request.headers.accept)
  if (asked !== undefined) request.answerType = asked
  else if (accepted !== undefined) request.answerType = accepted
  else if (answersData(request.routeOptions.schema))
    throw new NotAcceptableError(`the answer can be ${ANSWER_TYPES.join(', ')}; Accept allows none of them`)
}

/** The parameter `format`, taken out of the query. Routes may have one of that name with values of their own. */
function takeFormat(request: FastifyRequest): AnswerType | undefined {
  const query = request.query as Record<string, unknown>
  const { format } = query
  if (format === undefined) return undefined
  const schema = request.routeOptions.schema?.querystring as Record<string, unknown> | undefined
  const type = { json: 'application/json', xml: 'application/xml' } as const
  if (format === 'json' || format === 'xml') {
    delete query['format']
    return type[format]
  }
  const isOwn =
    Object.hasOwn(schema?.['properties'] ?? {}, 'format') || schema?.['patternProperties'] !== undefined
  if (isOwn) return undefined
  throw new UnsupportedError('format can be json or xml')
}

/** Whether a route answers with data and not with bytes, text or nothing. */
function answersData(schema: { response?: unknown } | undefined): boolean {
  const response = schema?.response as Record<string, Record<string, unknown>> | undefined
  return [200, 201].some((status) => {
    const answer = response?.[status]
    return answer !== undefined && answer['content'] === undefined && answer['type'] !== 'null'
  })
}

function asXml(request: FastifyRequest, answer: { reply: FastifyReply; payload: unknown }): unknown {
  const { reply, payload } = answer
  const type = String(reply.getHeader('content-type') ?? '')
  const isProblem = type.startsWith(PROBLEM_TYPE)
  const isData =
    isProblem || (type.startsWith('application/json') && answersData(request.routeOptions.schema))
  if (!isData) return payload
  reply.header('vary', 'accept')
  if (request.answerType === 'application/json' || typeof payload !== 'string') return payload
  const names = isProblem ? PROBLEM_NAMES : namesOf(request.routeOptions.schema, reply.statusCode)
  reply.type(`${isProblem ? PROBLEM_XML : request.answerType}; charset=utf-8`)
  // Fastify has counted the bytes of the JSON.
  reply.removeHeader('content-length')
  return writeXml(JSON.parse(payload), names)
}

function namesOf(schema: { response?: unknown } | undefined, status: number): XmlNames {
  const response = schema?.response as Record<string, XmlNames> | undefined
  return response?.[status] ?? {}
}
