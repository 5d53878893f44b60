import { SignatureBody, SignatureParams, SignatureView } from '../../src/api/acl-schemas.ts'
import { TRACKER_PATHS } from '../../src/api/tracker-paths.ts'
import { covers } from '../../src/core/acl.ts'
import { NotAuthorisedError } from '../../src/core/errors.ts'
import { askerOf } from '../access/asker.ts'
import type { Handler, Registration } from '../http/route.ts'
import { problems } from './answers.ts'

const tags = ['images']

const showSignatureSchema = {
  tags,
  summary: 'What a person or a pipeline has signed about a version, and the record that attests it',
  params: SignatureParams,
  response: { 200: SignatureView, ...problems },
}
const putSignatureSchema = {
  tags,
  summary: 'Sign a version that was pushed',
  description: 'For its publisher and for who has the right admin, who must have signed it.',
  params: SignatureParams,
  body: SignatureBody,
  response: { 200: SignatureView, ...problems },
}

const showSignature: Handler<typeof showSignatureSchema> = (context) => async (request) => {
  const { access, catalog } = context
  const image = await catalog.images.get(request.params)
  await access.image(askerOf(request), image, 'read')
  const version = await catalog.images.resolve(request.params)
  return { signature: await catalog.signatures.get(version), record: version.record }
}

const putSignature: Handler<typeof putSignatureSchema> = (context) => async (request) => {
  const { access, catalog, publications, clock } = context
  const asker = access.user(askerOf(request), { change: true })
  const image = await catalog.images.get(request.params)
  await access.image(asker, image, 'read')
  const version = await catalog.images.resolve(request.params)
  const { namespace, name, manifest, size, sha256 } = version
  if (version.publisher !== asker.dn && !covers(await access.rightTo(asker, image), 'admin'))
    throw new NotAuthorisedError(
      `${namespace}/${name}@${version.version} is signed by who pushed it, or by who owns it`,
    )
  const { signature: token } = request.body
  const facts = { namespace, name, manifest, size, sha256 }
  const publication = await publications.check(token, { dn: asker.dn, facts })
  const by = { author: asker.dn, nowMs: clock.now() }
  return { signature: token, record: await catalog.signatures.put(version, publication, by) }
}

/** What publishers sign. */
export const signatureRoutes: Registration = (app, context) => {
  const url = TRACKER_PATHS.signature
  app.route({ method: 'GET', url, schema: showSignatureSchema, handler: showSignature(context) })
  app.route({ method: 'PUT', url, schema: putSignatureSchema, handler: putSignature(context) })
}
