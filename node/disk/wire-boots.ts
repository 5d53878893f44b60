import { join } from 'node:path'
import type { ManifestId } from '../../src/core/cid.ts'
import { StorageFullError } from '../../src/core/errors.ts'
import { parseReference } from '../../src/core/reference.ts'
import type { NodeConfig } from '../config.ts'
import type { CatalogEntry } from '../image-catalog.ts'
import { exportName, imageText } from './attached.ts'
import type { DiskOpener } from './disk-opener.ts'
import type { Collector, DiskParts } from './disk-parts.ts'
import type { FillRoom } from './fill-room.ts'
import { Hoard } from './hoard.ts'
import { hoardCandidates } from './hoard-candidates.ts'
import { HoardFiles } from './hoard-files.ts'
import { BootProfiles } from './profile/boot-profiles.ts'
import { DiskBoots } from './profile/disk-boots.ts'
import { ProfileFiles } from './profile/profile-files.ts'

interface BootParts extends DiskParts {
  maintenance(): Collector
  readonly room: FillRoom
}

/** What records and replays boots, and what keeps them ready. */
export function wireBoots(
  parts: BootParts,
  opener: DiskOpener,
  config: Pick<NodeConfig, 'dataDir' | 'disk'>,
): { boots: DiskBoots; hoard: Hoard } {
  const { log, clock } = parts
  const profiles = wireProfiles(parts, config)
  const boots = new DiskBoots({ profiles, clock, log, random: Math.random })
  return { boots, hoard: wireHoard(parts, { opener, profiles }, config) }
}

function wireProfiles(parts: DiskParts, { dataDir }: Pick<NodeConfig, 'dataDir'>): BootProfiles {
  const { log, client, link } = parts
  const asked = (image: CatalogEntry) => {
    const { delegation } = image
    const shown = delegation === undefined ? {} : { delegation }
    return { reference: imageText(image), peer: link.self().peer, ...shown }
  }
  return new BootProfiles({
    tracker: {
      find: (image, options) => link.watched(client.profiles.find(asked(image), options)),
      record: (image, { reads, durationMs }, options) => {
        const manifest = image.manifest as ManifestId
        const body = { ...asked(image), manifest, reads, durationMs }
        return link.watched(client.profiles.record(body, options))
      },
    },
    files: new ProfileFiles({ log }, { dir: join(dataDir, 'profiles') }),
    verify: (token) => link.profile(token),
    log,
  })
}

function wireHoard(
  parts: BootParts,
  { opener, profiles }: { opener: DiskOpener; profiles: BootProfiles },
  { dataDir, disk }: Pick<NodeConfig, 'dataDir' | 'disk'>,
): Hoard {
  const { log, clock, catalog, joiner, client, link, maintenance, room } = parts
  return new Hoard(
    {
      ...{ log, clock, catalog, profiles, images: joiner, random: Math.random },
      files: new HoardFiles({ log }, { path: join(dataDir, 'hoard.json') }),
      candidates: (known, options) => link.watched(hoardCandidates(client.images, known, options)),
      open: async (answer) => {
        await room.look()
        if (room.reason !== undefined) throw new StorageFullError(room.reason)
        const { entry: image } = answer
        const init = { name: exportName(image), fill: false, onLoss: 'error', answer } as const
        return await opener.open(parseReference(imageText(image)), init)
      },
      remove: (image) => maintenance().remove(image),
      collect: async () => {
        await maintenance().collect({ dryRun: false })
      },
    },
    { budgetBytes: disk.hoardBytes },
  )
}
