import type { FastifyInstance } from 'fastify'
import type { HoardView } from '../../src/api/hoard-schemas.ts'
import { NODE_PATHS } from '../../src/api/node-paths.ts'
import type { Hoard } from './hoard.ts'
import { tagText } from './hoard-list.ts'

export interface HoardRoutesComponents {
  hoard: Pick<Hoard, 'figures' | 'images' | 'now'>
}

/** The part of the control API that is about what is kept ready of boots. */
export function addHoard(app: FastifyInstance, { hoard }: HoardRoutesComponents): void {
  app.get(NODE_PATHS.hoard, async () => viewOf(hoard))
  app.post(NODE_PATHS.hoard, async () => {
    await hoard.now()
    return viewOf(hoard)
  })
}

function viewOf({ figures, images }: Pick<Hoard, 'figures' | 'images'>): HoardView {
  const { bytes, budgetBytes, fetchedBytes, evicted } = figures
  return {
    ...{ budgetBytes, bytes, fetchedBytes, evicted },
    images: images.map(({ image: entry, digest, bytes, own, attachedAt }) => {
      const { namespace, name: image, version } = entry
      const ready = digest !== undefined
      return { reference: tagText(entry), namespace, image, version, bytes, ready, own, attachedAt }
    }),
  }
}
