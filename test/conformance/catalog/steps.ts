import { digestOf, type ManifestId, manifestIdOf } from '../../../src/core/cid.ts'
import type { Tag } from '../../../src/core/reference.ts'
import type { PeerKey } from '../../../src/core/router.ts'
import type { Catalog } from '../../../tracker/catalog/catalog.ts'
import type { StoredUser } from '../../../tracker/catalog/user-catalog.ts'
import { imageKey } from '../../fixtures/image-key.ts'

/** An empty catalog. */
export interface CatalogUnderTest {
  readonly catalog: Catalog
  /** The same catalog as another tracker has it; the very same where only one can. */
  readonly other: Catalog
  /** Runs SQL that both dialects know. */
  sql(text: string): Promise<unknown>
  /** Opens the catalog once more. */
  again(): Promise<Catalog>
  close(): Promise<void>
}

/** Declares a test. */
export type On = (title: string, body: (it: CatalogUnderTest) => Promise<void>) => void

export const image = imageKey('team/debian')
export const owner = '/CN=alice'
export const nowMs = Date.UTC(2030, 0, 1)
export const [here, there] = ['here' as PeerKey, 'there' as PeerKey]

export function manifestOf(text: string): ManifestId {
  return manifestIdOf(digestOf(Buffer.from(text)))
}

export const manifest = manifestOf('m')

export async function userOf(catalog: Catalog, name = 'alice'): Promise<StoredUser> {
  return await catalog.users.ensure({ dn: `/CN=${name}`, wanted: name, state: 'active', nowMs })
}

/** Makes the image for a user, in the namespace that the user owns then. */
export async function create(catalog: Catalog, key = image, name = 'alice'): Promise<boolean> {
  const { id } = await userOf(catalog, name)
  const made = { author: `/CN=${name}`, nowMs }
  await catalog.namespaces.create(key.namespace, { owner: { kind: 'user', id, name }, ...made })
  return await catalog.images.create(key, { owner: { id, name }, ...made })
}

export async function upload(catalog: Catalog, tracker = here): Promise<string> {
  await create(catalog)
  const { id } = await catalog.images.get(image)
  return (await catalog.uploads.open(id, { principal: owner, tracker, nowMs })).upload
}

/** Who changes something, where it does not matter. */
export const by = { author: owner, nowMs }

export interface CommitInit {
  readonly tags?: readonly string[]
  readonly tracker?: PeerKey
  readonly manifest?: ManifestId
  readonly publisher?: string
}

/** A version of `image`, in an upload of its own. */
export async function commit(
  catalog: Catalog,
  init: CommitInit = {},
): Promise<{ version: number; record: string }> {
  const { tags = [], tracker = here, publisher = owner } = init
  const facts = { size: 10, contentBytes: 10, sha256: null, runs: 3, publisher, nowMs }
  return await catalog.images.addVersion({
    ...{ ...facts, manifest: init.manifest ?? manifest, tracker },
    upload: await upload(catalog, tracker),
    tags: tags as Tag[],
  })
}

/** `count` tasks at once, every other one at the other tracker; their results, undefined for those that fail. */
export async function atOnce<T>(
  { catalog, other }: CatalogUnderTest,
  count: number,
  task: (catalog: Catalog, i: number) => Promise<T>,
): Promise<{ values: T[]; codes: string[] }> {
  const started = Array.from({ length: count }, (_, i) => task(i % 2 === 0 ? catalog : other, i))
  const results = await Promise.allSettled(started)
  const values = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
  const codes = results.flatMap((result) =>
    result.status === 'rejected' ? [result.reason.code as string] : [],
  )
  return { values, codes }
}
