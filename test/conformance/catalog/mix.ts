import * as assert from 'uvu/assert'
import { imageTarget, namespaceTarget } from '../../../src/core/acl.ts'
import type { Tag } from '../../../src/core/reference.ts'
import type { Catalog } from '../../../tracker/catalog/catalog.ts'
import { imageKey } from '../../fixtures/image-key.ts'
import { atOnce, by, create, here, manifestOf, nowMs, type On } from './steps.ts'

const KEYS = ['alice/a', 'alice/b', 'bob/a', 'bob/b'].map(imageKey)

/** Steps of each of the workers, and how many there are. */
const STEPS = 24
const WORKERS = 8

/** What happens when somebody else was faster, and nothing else. */
const EXPECTED: ReadonlySet<string> = new Set(['E_NOT_FOUND', 'E_CONFLICT', 'E_STATE'])

function pick<T>(list: readonly T[]): T {
  return list[Math.floor(Math.random() * list.length)] as T
}

const MOVES: readonly ((catalog: Catalog) => Promise<unknown>)[] = [
  (catalog) => {
    const key = pick(KEYS)
    return create(catalog, key, key.namespace)
  },
  async (catalog) => {
    const { id } = await catalog.images.get(pick(KEYS))
    const [principal, manifest] = [pick(['/CN=alice', '/CN=bob']), manifestOf(pick(['1', '2', '3']))]
    const { upload } = await catalog.uploads.open(id, { principal, tracker: here, nowMs })
    await catalog.uploads.lease(upload, [new Uint8Array(32)], { nowMs })
    const facts = { size: 1, contentBytes: 1, sha256: null, runs: 1, publisher: principal, nowMs }
    await catalog.images.addVersion({ ...facts, manifest, upload, tracker: here, tags: ['latest' as Tag] })
  },
  (catalog) => catalog.images.remove(pick(KEYS), by),
  (catalog) => catalog.images.removeVersion(pick(KEYS), pick([1, 2, 3]), by),
  (catalog) => catalog.images.setTag(pick(KEYS), 't' as Tag, { ...by, version: pick([1, 2, 3]) }),
  (catalog) => catalog.images.removeTag(pick(KEYS), 't' as Tag, by),
  async (catalog) => {
    const [image, to] = [await catalog.images.get(pick(KEYS)), pick(KEYS)]
    const plan = await catalog.changes.planRename(image, to)
    await catalog.changes.rename({ image, to, owner: undefined, plan }, { fields: {}, properties: {} }, by)
  },
  async (catalog) => {
    const image = await catalog.images.get(pick(KEYS))
    await catalog.changes.change(image, { fields: { description: 'x' }, properties: { k: 'v' } }, by)
  },
  async (catalog) => {
    const { uuid, namespace } = await catalog.images.get(pick(KEYS))
    const target = pick([imageTarget(uuid), namespaceTarget(namespace)])
    await catalog.acls.grant(target, { kind: 'user', subject: pick(['alice', 'bob']), right: 'read' }, by)
  },
  async (catalog) => {
    await catalog.uploads.removeExpired({ nowMs })
    await catalog.trackers.needed(here)
  },
  async (catalog) => {
    const images = await catalog.images.list()
    await catalog.accesses.add(images.map(({ id }) => ({ image: id, count: 1, lastMs: nowMs })))
  },
]

/** Everything that may happen to images, at once. */
export function mixTests(on: On): void {
  on('whatever happens at once, nobody waits for ever, and every image is whole afterwards', async (it) => {
    const { catalog } = it
    for (const key of KEYS) await create(catalog, key, key.namespace)
    const unexpected: unknown[] = []
    await atOnce(it, WORKERS, async (one) => {
      for (let i = 0; i < STEPS; i++)
        await pick(MOVES)(one).catch((error: { code?: string }) => {
          if (!EXPECTED.has(error.code ?? '')) unexpected.push(error)
        })
    })
    assert.equal(unexpected, [])
    for (const image of await catalog.images.list()) {
      // Each throws when something of the image is not what its chains say.
      const numbers = (await catalog.images.versions(image)).map(({ version }) => version)
      const { image: acl } = await catalog.acls.ofImage(image)
      assert.equal([acl.namespace, acl.name], [image.namespace, image.name])
      for (const { version } of await catalog.images.tags(image)) assert.ok(numbers.includes(version))
      assert.is(image.state === 'locked', numbers.length === 0 && image.state !== 'uploading')
    }
  })
}
