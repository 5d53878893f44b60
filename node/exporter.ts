import { mkdir } from 'node:fs/promises'
import type { ExportAnswer, ExportProgress } from '../src/api/node-schemas.ts'
import type { BlockStore } from '../src/core/blockstore.ts'
import type { ManifestId } from '../src/core/cid.ts'
import { IntegrityError, StateError } from '../src/core/errors.ts'
import { exportImage } from '../src/image/export.ts'
import type { FramePool } from '../src/store/frame-pool.ts'
import { checkExportPath } from './export-path.ts'
import type { CatalogEntry } from './image-catalog.ts'

export interface ExporterComponents {
  blocks: BlockStore
  nodes: BlockStore
  opener: FramePool
}

/** Writes images that are complete here to files, inside the export directories only. */
export class Exporter {
  readonly #components: ExporterComponents
  readonly #directories: readonly string[]

  constructor(components: ExporterComponents, init: { directories: readonly string[] }) {
    this.#components = components
    this.#directories = init.directories
  }

  /** Errors: StateError unless the image is complete; those of checkExportPath and exportImage. */
  async export(
    entry: CatalogEntry,
    init: { path: string; onProgress(progress: ExportProgress): void },
  ): Promise<ExportAnswer> {
    if (!entry.complete) {
      throw new StateError(`${entry.namespace}/${entry.name} is not complete here: pull it first`)
    }
    for (const directory of this.#directories) await mkdir(directory, { recursive: true, mode: 0o750 })
    const target = await checkExportPath(init.path, this.#directories)
    const { blocks, nodes, opener } = this.#components
    const result = await exportImage(
      { blocks, nodes, opener },
      { manifest: entry.manifest as ManifestId, target },
      {
        onProgress: ({ doneBytes, totalBytes }) =>
          init.onProgress({ bytes: doneBytes, bytesTotal: totalBytes }),
      },
    ).catch((error: unknown) => {
      throw error instanceof IntegrityError ? damaged(entry, error) : error
    })
    return { path: target, imageBytes: entry.size, writtenBytes: result.stats.blockBytes }
  }
}

/** Blocks of an image that is whole here are damaged: how they come again. */
function damaged({ namespace, name, version }: CatalogEntry, cause: IntegrityError): IntegrityError {
  const advice = `Have what is damaged found and fetched again: bootswarm node verify, then bootswarm image pull ${namespace}/${name}@${version}`
  return new IntegrityError(cause.message, { cause, data: { ...cause.data, advice } })
}
