import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { BootRead } from '../../src/core/boot-profile.ts'
import type { Tracker } from '../../tracker/tracker.ts'
import { runHere } from '../fixtures/cli.ts'
import { testImage } from '../fixtures/test-image.ts'
import { pushImage, TRACKER_NAME, TrackerSite } from '../fixtures/tracker.ts'

interface Context {
  site: TrackerSite
  tracker: Tracker
  /** Flags of who asks. */
  as: Record<'alice' | 'bob', string[]>
  record(reads: readonly BootRead[]): Promise<void>
}
const test = suite<Context>('image profile')
const image = testImage({ seed: 'boot', blocks: 60 })
const few: readonly BootRead[] = [
  [8192, 4096, 0],
  [65_536, 8192, 1404],
]

test.before(async (context) => {
  context.site = await TrackerSite.create()
  const { site } = context
  context.tracker = await site.start()
  const { url } = context.tracker
  const flags: Partial<Context['as']> = {}
  for (const name of ['alice', 'bob'] as const) {
    const identity = await site.user(name)
    const [certificate, key] = [join(site.dir, `${name}.pem`), join(site.dir, `${name}.key`)]
    await writeFile(certificate, identity.certificatePem)
    await writeFile(key, identity.keyPem, { mode: 0o600 })
    const where = ['--tracker', url, '--tracker-name', TRACKER_NAME, '--ca', join(site.dir, 'ca.pem')]
    flags[name] = [...where, '--certificate', certificate, '--key', key]
    if (name === 'alice') await pushImage(site.client(url, identity), image, { to: 'alice/debian' })
  }
  context.as = flags as Context['as']
  const node = await site.node(url, 'node-1')
  const manifest = image.manifestId
  context.record = (reads) =>
    node.client.profiles.record({
      ...{ reference: 'alice/debian', peer: node.peer, manifest, reads, durationMs: 120_000 },
    })
})
test.after(async ({ site, tracker }) => {
  await tracker?.stop()
  await site?.remove()
})

const profile = (verb: string, as: string[], ...more: string[]) =>
  runHere(['image', 'profile', verb, 'alice/debian', ...as, ...more])

test('an image that nobody has booted has none', async ({ as }) => {
  for (const verb of ['show', 'drop']) {
    const { code, stderr, stdout } = await profile(verb, as.alice)
    assert.equal([code, stdout], [3, ''])
    assert.match(stderr, /no boot profile of this image yet\nOne comes when a machine boots/)
  }
})

test('shows how much a boot reads, and what first', async ({ as, record }) => {
  await record(few)
  const { code, stdout, stderr } = await profile('show', as.alice)
  assert.is(code, 0, stderr)
  assert.match(stdout, /^image +alice\/debian@1$/m)
  assert.match(stdout, /^recordings +1, the last at 2\d{3}-\S+Z$/m)
  assert.match(stdout, /^covers +12\.0 KiB of \d+ KiB in 2 reads$/m)
  assert.match(stdout, /^ *AFTER +OFFSET +LENGTH +BYTES$/m)
  assert.match(stdout, /^ *1\.404 s +65536 +8192 +8\.0 KiB$/m)
  assert.not.match(stdout, /more/)
  const many = Array.from({ length: 25 }, (_, at): BootRead => [at * 8192, 4096, at])
  await record(many)
  assert.match((await profile('show', as.alice)).stdout, /^and 5 more: -o json has all$/m)
})

test('gives scripts all of it', async ({ as, record }) => {
  await record(few)
  const shown = JSON.parse((await profile('show', as.alice, '-o', 'json')).stdout)
  assert.equal([shown.reference, shown.manifest, shown.recordings], ['alice/debian@1', image.manifestId, 1])
  assert.equal([shown.bytes, shown.size, shown.reads], [12_288, image.manifest.size, few])
  assert.is((await profile('show', as.alice, '-o', 'name')).stdout, 'alice/debian@1\n')
})

test('is for those who may read the image, and dropped by those who may write it', async ({ as, record }) => {
  await record(few)
  for (const verb of ['show', 'drop']) assert.is((await profile(verb, as.bob)).code, 4)
  const { code, stderr } = await profile('drop', as.alice)
  assert.equal([code, stderr], [0, 'dropped the boot profile of alice/debian\n'])
  assert.is((await profile('show', as.alice)).code, 3)
})

test.run()
