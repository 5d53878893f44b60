import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { download } from '../../src/cli/download.ts'
import { parseReference } from '../../src/core/reference.ts'
import type { Tracker } from '../../tracker/tracker.ts'
import { testShell } from '../fixtures/cli.ts'
import { failureOf } from '../fixtures/failure.ts'
import { withScratch } from '../fixtures/scratch.ts'
import { testImage } from '../fixtures/test-image.ts'
import { pushImage, TRACKER_NAME, TrackerSite } from '../fixtures/tracker.ts'

const test = suite<{ site: TrackerSite; tracker: Tracker }>('download')
const image = testImage({ seed: 'download', blocks: 40 })
const asked = parseReference('alice/disk')

test.before(async (context) => {
  context.site = await TrackerSite.create()
  context.tracker = await context.site.start()
})
test.after(async ({ tracker, site }) => {
  await tracker.stop()
  await site.remove()
})

/** Downloads into a folder that `prepare` has put something into. */
function intoScratch(
  { site, tracker }: { site: TrackerSite; tracker: Tracker },
  task: (dir: string, fetch: () => Promise<unknown>) => Promise<void>,
): Promise<void> {
  return withScratch(async (dir) => {
    const identity = await site.user('alice')
    const client = site.client(tracker.url, identity)
    await pushImage(client, image, { to: 'alice/disk' })
    const session = { client, identity, name: TRACKER_NAME }
    const call = { asked, path: join(dir, 'disk.img'), flags: { progress: 'none' as const } }
    await task(dir, () => download(testShell(), session, { ...call, signal: new AbortController().signal }))
  })
}

const partOf = (dir: string) => join(dir, `disk.img.${image.manifestId.slice(-12)}.part`)

test('goes on where an earlier one stopped', (context) =>
  intoScratch(context, async (dir, fetch) => {
    await fetch()
    const whole = readFileSync(join(dir, 'disk.img'))
    assert.ok(whole.length > 100_000)
    writeFileSync(partOf(dir), whole.subarray(0, 70_001))
    await fetch()
    assert.ok(readFileSync(join(dir, 'disk.img')).equals(whole))
    assert.equal(readdirSync(dir), ['disk.img'])
  }))

test('what does not add up to the signed digest is thrown away', (context) =>
  intoScratch(context, async (dir, fetch) => {
    writeFileSync(partOf(dir), Buffer.alloc(5000, 7))
    assert.is((await failureOf(fetch())).code, 'E_INTEGRITY')
    assert.not.ok(existsSync(partOf(dir)))
    assert.not.ok(existsSync(join(dir, 'disk.img')))
  }))

test.run()
