import { BlockCache } from '../../node/disk/block-cache.ts'
import { OpenDisk, type SharedImage } from '../../node/disk/disk.ts'
import type { NbdExport } from '../../node/disk/nbd/export.ts'
import { SegmentCache } from '../../node/disk/segment-cache.ts'
import type { CallOptions } from '../../src/core/blockstore.ts'
import { type Clock, systemClock } from '../../src/core/clock.ts'
import { NotFoundError } from '../../src/core/errors.ts'
import { decodeFrame } from '../../src/core/frame-codec.ts'
import { silentLog } from '../../src/core/log.ts'
import { decodeSegmentOf, runCount } from '../../src/core/manifest.ts'
import { type ImportResult, importImage } from '../../src/image/import.ts'
import { openSource } from '../../src/image/source.ts'
import { FramePool } from '../../src/store/frame-pool.ts'
import { openPackStore, type PackStore } from '../../src/store/pack-store.ts'

/** A disk whose image rests whole in a pack store, as the daemon offers it. */
export interface StoredDisk {
  readonly disk: NbdExport
  close(): Promise<void>
}

/** Puts the image in `path` into a new pack store in `dir`, and opens it as a disk. */
export async function openStoredDisk(
  init: { dir: string; path: string; name: string },
  components: { clock?: Clock } = {},
): Promise<StoredDisk> {
  const { dir, path, name } = init
  const { clock = systemClock } = components
  const frames = new FramePool()
  const blocks = await openPackStore({ dir }, { frames, clock })
  const imported = await importImage({ sink: blocks }, { source: await openSource(path), sink: 'near' })
  const disk = new OpenDisk(
    {
      ...{ image: wholeImage(imported, blocks), blocks, opener: blocks, clock, log: silentLog },
      ...{ cache: new BlockCache({ clock }), segments: new SegmentCache() },
    },
    {
      ...{ name, fill: false, onLoss: 'error', closed: async () => {} },
      entry: {
        ...{ namespace: 'bench', name: 'disk', version: 1, size: imported.manifest.size },
        ...{
          manifest: imported.manifestId,
          sha256: null,
          complete: true,
          pulledAt: 0,
          record: '',
          grant: '',
        },
      },
    },
  )
  return {
    disk,
    async close() {
      await disk.close()
      await blocks.close()
      await frames.close()
    },
  }
}

function wholeImage({ manifest, manifestId }: ImportResult, blocks: PackStore): SharedImage {
  const total = runCount(manifest)
  const lost = () => new NotFoundError('a block of the image is gone')
  return {
    ...{
      id: manifestId,
      manifest,
      complete: true,
      trouble: undefined,
      fillTrouble: undefined,
      runs: { held: total, total },
    },
    wire: { fromOrigin: 0, fromPeers: 0 },
    async segment(index: number, options?: CallOptions) {
      const link = manifest.segments[index]
      const [frame] = link === undefined ? [] : await blocks.get([link.digest], options)
      if (link === undefined || frame === undefined) throw lost()
      return decodeSegmentOf(link, decodeFrame(frame))
    },
    async bring() {
      throw lost()
    },
    lost() {},
    patiently: (work: () => Promise<void>) => work(),
    fill() {},
  }
}
