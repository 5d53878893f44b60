import { Downloads, type DownloadsComponents } from './downloads.ts'
import { RawUploads, type RawUploadsComponents } from './raw-uploads.ts'

export interface RawComponents
  extends Omit<RawUploadsComponents, 'stores'>,
    Pick<DownloadsComponents, 'log'> {
  readonly stores: RawUploadsComponents['stores'] & Pick<DownloadsComponents, 'blocks' | 'nodes'>
  /** Told of bytes that were sent, for the metrics. */
  readonly onSent: (bytes: number) => void
}

/** What gives and takes the bytes of images. Whoever opens it stops `rawUploads` before it closes connections. */
export async function openRaw(components: RawComponents): Promise<{
  readonly downloads: Downloads
  readonly rawUploads: RawUploads
  readonly read: Downloads['read']
}> {
  const rawUploads = new RawUploads(components)
  await rawUploads.start()
  const downloads = new Downloads({ ...components, ...components.stores })
  return { downloads, rawUploads, read: (range, options) => downloads.read(range, options) }
}
