import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { FramePlace } from '../../src/api/frame-stream.ts'
import { encodeFrames } from '../../src/api/frame-stream.ts'
import type { Problem } from '../../src/api/problem.ts'
import { fillPath, TRACKER_PATHS } from '../../src/api/tracker-paths.ts'
import { systemClock } from '../../src/core/clock.ts'
import { BusyError, StorageFullError } from '../../src/core/errors.ts'
import type { Frame } from '../../src/core/frame.ts'
import type { Log } from '../../src/core/log.ts'
import type { PeerKey } from '../../src/core/router.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { AccessControl } from '../../tracker/access/access-control.ts'
import { Askers } from '../../tracker/access/askers.ts'
import { QuotaMeter } from '../../tracker/accounting/quota-meter.ts'
import { buildApp } from '../../tracker/app.ts'
import type { Catalog } from '../../tracker/catalog/catalog.ts'
import type { RouteContext } from '../../tracker/context.ts'
import type { App } from '../../tracker/http/app-type.ts'
import { Images } from '../../tracker/images/images.ts'
import { TrackerMetrics } from '../../tracker/metrics.ts'
import { Gate } from '../../tracker/uploads/gate.ts'
import { Uploads } from '../../tracker/uploads/uploads.ts'
import { openTestCatalog } from '../fixtures/catalog.ts'
import { type LogLine, recordingLog } from '../fixtures/recording-log.ts'
import { testImage } from '../fixtures/test-image.ts'

/** A disk that can be full. */
class SmallStore extends MemoryStore {
  full = false

  override async put(frames: readonly Frame[]): Promise<void> {
    if (this.full) throw new StorageFullError('no space left', { data: { freeBytes: 0 } })
    await super.put(frames)
  }

  async lengths(digests: readonly Uint8Array[]): Promise<(number | undefined)[]> {
    return (await this.get(digests)).map((frame) => frame?.length)
  }
}

interface Context {
  dir: string
  app: App
  catalog: Catalog
  blocks: SmallStore
  ready: boolean
  lines: LogLine[]
}
const test = suite<Context>('tracker app')

test.before(async (context) => {
  context.dir = mkdtempSync(join(tmpdir(), 'bootswarm-app-'))
  context.catalog = await openTestCatalog(context)
  context.blocks = new SmallStore()
  context.ready = true
  const { log, lines } = recordingLog()
  context.lines = lines
  context.app = await buildApp(contextOf(context, log))
})
test.after(async ({ dir, app, catalog }) => {
  await app.close()
  await catalog.close()
  rmSync(dir, { recursive: true })
})

/** Real routes, uploads and catalog; no TLS, no peers. */
function contextOf(context: Context, log: Log): RouteContext {
  const { catalog, blocks } = context
  const access = new AccessControl({ ...catalog, clock: systemClock }, { openNamespaces: true })
  const principal = {
    ...{ dn: '/CN=alice', commonName: 'alice', notAfterMs: Date.now() + 1e6 },
    ...{ fingerprint256: '', proxyDepth: 0, limited: false },
  }
  const askers = new Askers(
    { ...catalog, authenticate: () => principal, isTracker: () => false, clock: systemClock },
    { onFirstContact: 'active' },
  )
  const images = new Images({ catalog, access, clock: systemClock })
  const uploads = new Uploads({
    ...{ catalog, access, images, gate: new Gate(), clock: systemClock, self: 'self' as PeerKey },
    publications: { check: () => Promise.reject(new RangeError('nobody signs here')) },
    quota: new QuotaMeter({ usage: catalog.usage, clock: systemClock }),
    stores: { blocks, nodes: new MemoryStore() },
    pool: {
      verifyRun: async ({ buffer, frames }) => {
        const bytesOf = ({ offset, storedLength }: FramePlace) => buffer.slice(offset, offset + storedLength)
        return { frames: frames.map((frame) => ({ ...frame, bytes: bytesOf(frame) })) }
      },
    },
  })
  const parts: Partial<RouteContext> = {
    ...{ askers, catalog, access, uploads, clock: systemClock, log, metrics: new TrackerMetrics() },
    changed: () => {},
    audit: { write: () => {}, read: async () => ({ lines: [], next: null }) },
    checkReady: async () => {
      if (!context.ready) throw new BusyError('the tracker is stopping')
    },
  }
  // The routes that use the other parts are not called here.
  return parts as RouteContext
}

async function openUpload(app: App): Promise<string> {
  const path = fillPath(TRACKER_PATHS.imageUploads, { namespace: 'alice', name: 'debian' })
  const answer = await app.inject({ method: 'POST', url: path, payload: {} })
  return (answer.json() as { upload: string }).upload
}

test('a full disk is a 507 that says so, and the push goes on when there is space again', async ({
  app,
  blocks,
}) => {
  const image = testImage({ seed: 'full', blocks: 20 })
  const upload = await openUpload(app)
  const put = () =>
    app.inject({
      method: 'POST',
      url: fillPath(TRACKER_PATHS.blocks, { upload }),
      headers: { 'content-type': 'application/octet-stream' },
      payload: Buffer.from(encodeFrames([...image.blocks, ...image.nodes])),
    })
  blocks.full = true
  const refused = await put()
  assert.is(refused.statusCode, 507)
  assert.match(String(refused.headers['content-type']), /^application\/problem\+json/)
  const problem = refused.json() as Problem
  assert.equal([problem.code, problem.data], ['E_STORAGE_FULL', { freeBytes: 0 }])
  blocks.full = false
  assert.is((await put()).statusCode, 204)
  const commit = await app.inject({
    method: 'POST',
    url: fillPath(TRACKER_PATHS.commit, { upload }),
    payload: { manifest: image.manifestId, tags: ['latest'] },
  })
  assert.equal([commit.statusCode, (commit.json() as { version: number }).version], [201, 1])
})

test('a defect is a 500 that tells nothing', async ({ app, lines }) => {
  // Listing swarms needs parts that are not here, which is a TypeError.
  const answer = await app.inject({ method: 'GET', url: TRACKER_PATHS.swarms })
  assert.is(answer.statusCode, 500)
  assert.is((answer.json() as Problem).code, 'E_INTERNAL')
  assert.not.match(answer.body, /undefined|TypeError/)
  const { level, data } = lines.at(-1) ?? {}
  assert.is(level, 'error')
  assert.instance((data as { err?: unknown }).err, TypeError)
})

test('is alive and not ready while it stops', async (context) => {
  context.ready = false
  assert.is((await context.app.inject('/livez')).statusCode, 200)
  assert.is((await context.app.inject('/readyz')).statusCode, 503)
  const facts = { method: 'GET', route: '/readyz', code: 'E_BUSY', detail: 'the tracker is stopping' }
  assert.equal(context.lines.at(-1), { level: 'warn', data: facts, message: 'request refused' })
  context.ready = true
  assert.is((await context.app.inject('/readyz')).statusCode, 200)
})

test.run()
