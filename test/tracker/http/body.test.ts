import { setTimeout as sleep } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { fillPath, TRACKER_PATHS } from '../../../src/api/tracker-paths.ts'
import {
  UPLOAD_BODIES_MAX,
  UPLOAD_BODIES_PER_PRINCIPAL_MAX,
  UPLOAD_BODY_IDLE_MS,
} from '../../../src/core/registry-limits.ts'
import type { Tracker } from '../../../tracker/tracker.ts'
import { FakeClock } from '../../fixtures/fake-clock.ts'
import { HttpsCaller } from '../../fixtures/https-caller.ts'
import { imageKey } from '../../fixtures/image-key.ts'
import { testImage } from '../../fixtures/test-image.ts'
import { pushImage, TrackerSite } from '../../fixtures/tracker.ts'

const test = suite<{ site: TrackerSite; tracker: Tracker; clock: FakeClock }>('bodies')

test.before(async (context) => {
  context.site = await TrackerSite.create()
  context.clock = new FakeClock(Date.now())
  context.tracker = await context.site.start({ clock: context.clock })
})
test.after(async ({ site, tracker }) => {
  await tracker?.stop()
  await site?.remove()
})

test('idle bodies of one principal keep nobody from pushing, and lose their connections', async (context) => {
  const { site, tracker, clock } = context
  const mallory = await site.user('mallory')
  const caller = new HttpsCaller({ url: tracker.url, site, identity: mallory })
  const { namespace, name } = imageKey('mallory/x')
  const { id } = await site.client(tracker.url, mallory).openUpload(namespace, name)
  const idle = Array.from({ length: UPLOAD_BODIES_MAX + 1 }, (_, n) => {
    const path = n % 2 === 0 ? TRACKER_PATHS.blocks : TRACKER_PATHS.need
    return caller.begin({ path: fillPath(path, { upload: id }), body: new Uint8Array(8) })
  })
  const ends = idle.map((request) => {
    const { promise, resolve } = Promise.withResolvers<string>()
    request.once('close', () => resolve('closed'))
    request.once('response', ({ statusCode }) => resolve(String(statusCode)))
    return promise
  })
  const before = clock.pending
  while (clock.pending < before + UPLOAD_BODIES_PER_PRINCIPAL_MAX) await sleep(2)
  const alice = site.client(tracker.url, await site.user('alice'))
  const { version } = await pushImage(alice, testImage({ seed: 'idle', blocks: 20 }), { to: 'alice/x' })
  assert.is(version, 1)
  const all = Promise.all(ends).then(() => true)
  while (!(await Promise.race([all, sleep(5, false)]))) await clock.advance(UPLOAD_BODY_IDLE_MS)
  const counts = Map.groupBy(await Promise.all(ends), (end) => end)
  const closed = counts.get('closed')?.length ?? 0
  assert.ok(closed >= UPLOAD_BODIES_PER_PRINCIPAL_MAX)
  assert.is(closed + (counts.get('503')?.length ?? 0), idle.length)
  caller.close()
})

test.run()
