import type { FastifyInstance } from 'fastify'
import { AttachRequest, DetachQuery, DiskParams } from '../../src/api/disk-schemas.ts'
import { NODE_PATHS } from '../../src/api/node-paths.ts'
import type { TypeBoxProvider } from '../../src/api/validation.ts'
import { bytesOfReads } from '../../src/core/boot-profile.ts'
import type { Disks } from './disks.ts'
import type { DiskBoots } from './profile/disk-boots.ts'

export interface DiskRoutesComponents {
  disks: Pick<Disks, 'attach' | 'detach' | 'get' | 'list' | 'opened'>
  boots: Pick<DiskBoots, 'send'>
}

/** The part of the control API that is about disks. */
export function addDisks(app: FastifyInstance, { disks, boots }: DiskRoutesComponents): void {
  const typed = app.withTypeProvider<TypeBoxProvider>()
  typed.get(NODE_PATHS.disks, async () => disks.list())
  typed.post(NODE_PATHS.disks, { schema: { body: AttachRequest } }, async (request, reply) => {
    const { disk, attachment } = await disks.attach(request.body)
    if (attachment === undefined) return reply.code(200).send(disk)
    return reply.code(201).send({ ...disk, attachment })
  })
  typed.get(NODE_PATHS.disk, { schema: { params: DiskParams } }, async (request) =>
    disks.get(request.params.name),
  )
  typed.post(NODE_PATHS.diskProfile, { schema: { params: DiskParams } }, async (request) => {
    const { reads, durationMs } = await boots.send(disks.opened(request.params.name))
    return { reads: reads.length, bytes: bytesOfReads(reads), durationMs }
  })
  const schema = { params: DiskParams, querystring: DetachQuery }
  typed.delete(NODE_PATHS.disk, { schema }, async (request, reply) => {
    const { force = false, attachment } = request.query
    await disks.detach(request.params.name, { force, attachment })
    return reply.code(204).send()
  })
}
