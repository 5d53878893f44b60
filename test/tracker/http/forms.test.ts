import { type TSchema, Type } from '@sinclair/typebox'
import { fastify } from 'fastify'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Problem } from '../../../src/api/problem.ts'
import { ProblemSchema } from '../../../src/api/problem.ts'
import { ignoresUnknownInForms } from '../../../src/api/text-values.ts'
import { type TypeBoxProvider, validatorCompiler } from '../../../src/api/validation.ts'
import { NotFoundError } from '../../../src/core/errors.ts'
import { silentLog } from '../../../src/core/log.ts'
import type { App } from '../../../tracker/http/app-type.ts'
import { problemHandler, unknownRoute } from '../../../tracker/http/errors.ts'
import { addForms } from '../../../tracker/http/forms.ts'
import { Empty, problems } from '../../../tracker/routes/answers.ts'

const test = suite<{ app: App; calls: unknown[] }>('forms')

const Thing = Type.Object(
  { name: Type.String(), on: Type.Boolean(), groups: Type.Array(Type.String()) },
  { additionalProperties: false, ...ignoresUnknownInForms, xml: { name: 'thing' } },
)
const FORM = { 'content-type': 'application/x-www-form-urlencoded' }
const XML = { 'content-type': 'application/xml' }
const thing = { name: 'x', on: true, groups: ['a', 'b'] }

test.before(async (context) => {
  context.calls = []
  const app: App = fastify({ https: {} }).withTypeProvider<TypeBoxProvider>()
  app.setValidatorCompiler<TSchema>(validatorCompiler)
  app.setErrorHandler(problemHandler({ log: silentLog }))
  app.setNotFoundHandler(unknownRoute)
  app.addSchema(ProblemSchema)
  await addForms(app)
  const schema = { body: Thing, response: { 200: Thing, ...problems } }
  app.post('/things', { schema }, async (request) => {
    context.calls.push(request.body)
    return request.body
  })
  app.get('/none', { schema: { response: { 200: Thing, ...problems } } }, async () => {
    throw new NotFoundError('there is no thing')
  })
  const filters = { querystring: Type.Object({ format: Type.Optional(Type.String()) }) }
  app.get(
    '/filtered',
    { schema: { ...filters, response: { 200: Type.Unknown() } } },
    async ({ query }) => query,
  )
  app.delete('/things', { schema: { response: { 200: Empty, ...problems } } }, async (_request, reply) =>
    reply.send(),
  )
  app.get('/text', { schema: { response: { 200: { content: {} } } } }, async (_request, reply) =>
    reply.type('text/plain').send('text'),
  )
  context.app = app
  await app.ready()
})
test.after(async ({ app }) => await app.close())

test('a body may come as JSON, as a form or as XML', async ({ app, calls }) => {
  const bodies: [headers: Record<string, string>, payload: string][] = [
    [{ 'content-type': 'application/json' }, JSON.stringify(thing)],
    [FORM, 'name=x&on=True&groups=a,b&colour=ignored'],
    [{ 'content-type': `${FORM['content-type']}; charset=UTF-8` }, 'name=x&on=1&groups=a&groups=b'],
    [XML, '<thing><name>x</name><on>true</on><groups><item>a</item><item>b</item></groups></thing>'],
    [{ 'content-type': 'text/xml; charset=utf-8' }, '<t><name>x</name><on>1</on><groups>a,b</groups></t>'],
  ]
  calls.length = 0
  for (const [headers, payload] of bodies) {
    const answer = await app.inject({ method: 'POST', url: '/things', headers, payload })
    assert.is(answer.statusCode, 200, answer.body)
    assert.match(String(answer.headers['content-type']), 'application/json')
  }
  assert.equal(
    calls.map((call) => ({ ...(call as object) })),
    bodies.map(() => thing),
  )
})

test('a malformed body is a 400 that says why', async ({ app }) => {
  const post = async (headers: Record<string, string>, payload: string) =>
    (await app.inject({ method: 'POST', url: '/things', headers, payload })).json() as Problem
  assert.match((await post(FORM, 'name=x&name=y&on=1&groups=a')).detail, 'name is given twice')
  assert.match((await post(FORM, 'name=x&on=perhaps&groups=a')).detail, '/on')
  assert.match((await post(XML, '<a>')).detail, 'not XML')
  assert.match((await post(XML, '<a><colour>blue</colour></a>')).detail, 'the request is malformed')
  assert.match((await post({ 'content-type': 'application/json' }, '{"colour":1}')).detail, 'malformed')
  const unknown = await post({ 'content-type': 'text/csv' }, 'a,b')
  assert.equal([unknown.status, unknown.code], [400, 'E_INVALID'])
})

test('answers and errors are XML for who asks for it', async ({ app }) => {
  const payload = JSON.stringify(thing)
  const json = { 'content-type': 'application/json' }
  const answer = await app.inject({
    ...{ method: 'POST', url: '/things', payload },
    headers: { ...json, accept: 'application/xml' },
  })
  assert.is(answer.headers['content-type'], 'application/xml; charset=utf-8')
  assert.is(answer.headers['vary'], 'accept')
  assert.is(
    answer.body.split('\n')[1],
    '<thing><name>x</name><on>true</on><groups><item>a</item><item>b</item></groups></thing>',
  )
  assert.is(Number(answer.headers['content-length']), Buffer.byteLength(answer.body))
  const problem = await app.inject({ url: '/none', headers: { accept: 'text/xml' } })
  assert.equal(
    [problem.statusCode, problem.headers['content-type']],
    [404, 'application/problem+xml; charset=utf-8'],
  )
  assert.match(
    problem.body,
    '<problem xmlns="urn:ietf:rfc:7807"><type>urn:bootswarm:error:E_NOT_FOUND</type>',
  )
  const lost = await app.inject({ url: '/nowhere', headers: { accept: 'application/xml' } })
  assert.match(lost.body, '<status>404</status>')
})

test('an empty answer has a length of 0, so that the connection can be kept, in any form', async ({
  app,
}) => {
  const answer = await app.inject({ method: 'DELETE', url: '/things', headers: { accept: 'text/html' } })
  assert.equal([answer.statusCode, answer.headers['content-length'], answer.body], [200, '0', ''])
  assert.is(answer.headers['content-type'], undefined)
})

test('nothing happens when no form of the answer is accepted', async ({ app, calls }) => {
  calls.length = 0
  const headers = { accept: 'text/html', 'content-type': 'application/json' }
  const answer = await app.inject({ method: 'POST', url: '/things', headers, payload: JSON.stringify(thing) })
  assert.equal([answer.statusCode, (answer.json() as Problem).code], [406, 'E_NOT_ACCEPTABLE'])
  assert.equal(calls, [])
  assert.is((await app.inject({ url: '/text', headers: { accept: 'text/html' } })).body, 'text')
})

test('the parameter format chooses too, and others than json and xml do not exist', async ({ app }) => {
  const status = async (url: string) => (await app.inject({ url })).statusCode
  const xml = await app.inject({ url: '/none?format=xml', headers: { accept: 'application/json' } })
  assert.match(String(xml.headers['content-type']), 'application/problem+xml')
  assert.is((await app.inject({ url: '/none?format=yaml' })).statusCode, 501)
  assert.equal([await status('/none?format=json'), await status('/none?format=')], [404, 501])
  assert.equal((await app.inject({ url: '/filtered?format=qcow2' })).json(), { format: 'qcow2' })
})

test.run()
