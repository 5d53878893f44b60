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
    const { disk, isNew } = await disks.attach(request.body)
    return reply.code(isNew ? 201 : 200).send(disk)
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
    await disks.detach(request.params.name, { force: request.query.force === true })
    return reply.code(204).send()
  })
}
