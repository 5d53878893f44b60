import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger'

/** OpenAPI 3.1 knows it; the types that we have are those of 3.0. */
const MUTUAL_TLS = { type: 'mutualTLS' } as unknown as { type: 'http'; scheme: string }

/** Head of the OpenAPI document; the rest comes from the routes' schemas. */
export const OPENAPI: NonNullable<FastifyDynamicSwaggerOptions['openapi']> = {
  openapi: '3.1.0',
  info: {
    title: 'Bootswarm tracker',
    version: '1',
    description:
      'Registry of images and first peer of every swarm. Mutual TLS; errors are RFC 9457 problem documents with the codes of docs/errors.md. Every body that is described as JSON may also come as application/x-www-form-urlencoded or application/xml, and every answer that is described as JSON is XML for who asks for it with Accept or format=xml (docs/specs/registry-v1.md).',
    license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
  },
  components: { securitySchemes: { certificate: MUTUAL_TLS } },
  security: [{ certificate: [] }],
  tags: [
    { name: 'users', description: 'Users, and who is asking' },
    { name: 'groups', description: 'Groups of users, and what they allow' },
    { name: 'namespaces', description: 'Whose images are where' },
    { name: 'images', description: 'Images, versions and tags' },
    { name: 'uploads', description: 'Have/need negotiation and blocks' },
    { name: 'nodes', description: 'Hypervisors: enrolment and passes' },
    { name: 'swarms', description: 'Grants and handouts for nodes' },
    { name: 'system', description: 'Health, metrics, upkeep' },
  ],
}
