import { join } from 'node:path'
import { fastify } from 'fastify'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { addHoard } from '../../node/disk/hoard-routes.ts'
import type { CatalogEntry } from '../../node/image-catalog.ts'
import { catalogEntry } from '../fixtures/attachable-disks.ts'
import { runHere } from '../fixtures/cli.ts'
import { withScratch } from '../fixtures/scratch.ts'

const test = suite('bootswarm disk hoard')
const MiB = 1024 * 1024

const hoarded = (image: CatalogEntry, init: { bytes: number; digest?: string; attachedAt: number }) => ({
  ...{ image, own: init.attachedAt === 0 },
  ...init,
})
const IMAGES = [
  hoarded(catalogEntry({ name: 'debian', version: 3, tag: '12' }), {
    ...{ bytes: 38 * MiB, digest: 'reads', attachedAt: Date.UTC(2030, 0, 1) },
  }),
  hoarded(catalogEntry({ name: 'fedora', version: 1, tag: '41' }), {
    bytes: 0,
    attachedAt: Date.UTC(2029, 0, 1),
  }),
  hoarded(catalogEntry({ name: 'alpine', version: 2, tag: 'latest' }), { bytes: 10 * MiB, attachedAt: 0 }),
]

/** A control API whose hoard fetches the rest when it is told to. */
function withHoard(
  task: (run: (...flags: string[]) => ReturnType<typeof runHere>) => Promise<void>,
  { comes = true } = {},
) {
  return withScratch(async (dir) => {
    const socket = join(dir, 'node.sock')
    const [debian, fedora, alpine] = IMAGES
    assert.ok(debian && fedora && alpine)
    const hoard = {
      images: [debian, fedora, alpine],
      figures: {
        ...{ images: 1, bytes: 48 * MiB, budgetBytes: 100 * MiB, fetchedBytes: 40 * MiB, evicted: 2 },
      },
      now: async () => {
        if (comes) hoard.images = [debian, fedora, { ...alpine, digest: 'reads' }]
      },
    }
    const app = fastify()
    addHoard(app, { hoard })
    await app.listen({ path: socket })
    try {
      await task((...flags) => runHere(['disk', 'hoard', '--socket', socket, ...flags]))
    } finally {
      await app.close()
    }
  })
}

test('shows what is kept ready, what comes, and what there is room for', () =>
  withHoard(async (run) => {
    const { code, stdout, stderr } = await run()
    assert.is(code, 0, stderr)
    assert.match(stdout, /^budget +100 MiB, 48 % of it used$/m)
    assert.match(stdout, /^kept +48\.0 MiB of 1 images$/m)
    assert.match(stdout, /^gave way +2 images since then$/m)
    assert.match(stdout, /^site\/debian@3 +site\/debian:12 +38\.0 MiB +ready +2030-01-01T00:00:00.000Z$/m)
    assert.match(stdout, /^site\/fedora@1 +site\/fedora:41 +- +not kept +2029-\S+$/m)
    assert.match(stdout, /^site\/alpine@2 +site\/alpine:latest +10\.0 MiB +coming +never$/m)
  }))

test('looks at all images now, and gives scripts all of it', () =>
  withHoard(async (run) => {
    assert.is((await run('-o', 'name')).stdout, 'site/debian@3\n')
    assert.is((await run('--fill', '-o', 'name')).stdout, 'site/debian@3 site/alpine@2\n')
    const { images, ...others } = JSON.parse((await run('-o', 'json')).stdout)
    assert.equal(others, {
      ...{ budgetBytes: 100 * MiB, bytes: 48 * MiB, fetchedBytes: 40 * MiB, evicted: 2 },
    })
    assert.equal(images[2], {
      ...{ reference: 'site/alpine:latest', namespace: 'site', image: 'alpine', version: 2 },
      ...{ bytes: 10 * MiB, ready: true, own: true, attachedAt: 0 },
    })
  }))

test('what has its place and did not come is an error, after all of it was shown', () =>
  withHoard(
    async (run) => {
      const { code, stdout, stderr } = await run('--fill')
      assert.is(code, 1)
      assert.match(stdout, /^site\/alpine@2 .* coming /m)
      assert.match(stderr, 'not ready yet: site/alpine@2\n')
      assert.match(stderr, 'The log of the node says why.')
    },
    { comes: false },
  ))

test.run()
