import type { FastifyInstance } from 'fastify'
import { NDJSON, NODE_PATHS } from '../src/api/node-paths.ts'
import { type Seed, type SeedAddProgress, SeedPaths } from '../src/api/seed-schemas.ts'
import type { TypeBoxProvider } from '../src/api/validation.ts'
import type { Seeds } from '../src/image/seed/seeds.ts'
import { eventStream } from './event-stream.ts'

export interface SeedRoutesComponents {
  seeds: Pick<Seeds, 'add' | 'list' | 'remove'>
  /** Told of failures that the answer may say less of. */
  failed(error: unknown): void
}

/** The part of the control API that is about seeds. */
export function addSeeds(app: FastifyInstance, { seeds, failed }: SeedRoutesComponents): void {
  const typed = app.withTypeProvider<TypeBoxProvider>()
  const all = async (): Promise<Seed[]> =>
    (await seeds.list()).map(({ addedMs: addedAt, ...seed }) => ({ ...seed, addedAt }))
  typed.get(NODE_PATHS.seeds, all)
  typed.post(NODE_PATHS.seeds, { schema: { body: SeedPaths } }, async (request, reply) => {
    const { paths } = request.body
    let progress: SeedAddProgress | undefined
    const onProgress = (now: SeedAddProgress) => {
      progress = now
    }
    const result = seeds
      .add(paths, { onProgress })
      .then(async () => (await all()).filter(({ path }) => paths.includes(path)))
    return reply.type(NDJSON).send(eventStream({ progress: () => progress, result, failed }))
  })
  typed.delete(NODE_PATHS.seeds, { schema: { body: SeedPaths } }, async (request, reply) => {
    seeds.remove(request.body.paths)
    return reply.code(204).send()
  })
}
