// deadline: 300 s
import { execFile } from 'node:child_process'
import { open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { missingPrograms, testsThatNeed } from '../fixtures/programs.ts'
import { RawClient } from '../fixtures/raw-client.ts'
import { TRACKER_NAME, TrackerSite } from '../fixtures/tracker.ts'

const run = promisify(execFile)
const GiB = 1024 ** 3
const SIZE = 5 * GiB + 5
/** Beside the borders of signed and unsigned numbers of 32 bits, and at the end. */
const PLACES = [0, 2 * GiB - 4, 2 * GiB + 100, 4 * GiB - 4, 4 * GiB + 100, SIZE - 8]

const test = suite('images of more than 4 GiB')
const withCurl = testsThatNeed(test, missingPrograms('curl'))

withCurl('are put and read as they are, to the last byte', async () => {
  const site = await TrackerSite.create()
  const tracker = await site.start()
  const identity = await site.user('alice')
  const alice = new RawClient({ url: tracker.url, site, identity })
  try {
    const image = join(site.dir, 'sparse.img')
    const file = await open(image, 'w')
    await file.truncate(SIZE)
    for (const [i, place] of PLACES.entries()) await file.write(`place ${i}!`, place)
    await file.close()
    await writeFile(join(site.dir, 'alice.pem'), identity.certificatePem + identity.keyPem, { mode: 0o600 })
    await alice.slot('sparse')
    const host = `${TRACKER_NAME}:${new URL(tracker.url).port}`
    const tls = ['--cacert', join(site.dir, 'ca.pem'), '--cert', join(site.dir, 'alice.pem')]
    const args = ['-sS', '--fail', '--noproxy', '*', '--resolve', `${host}:127.0.0.1`, ...tls]
    await run('curl', [...args, '-T', image, `https://${host}/api/images/raw/sparse`])
    assert.is((await alice.object('alice/sparse')).size, SIZE)
    for (const [i, place] of PLACES.entries()) {
      const { status, headers, body } = await alice.get('sparse', { range: `bytes=${place}-${place + 7}` })
      assert.equal([status, body.toString()], [206, `place ${i}!`])
      assert.is(headers['content-range'], `bytes ${place}-${place + 7}/${SIZE}`)
    }
    const hole = await alice.get('sparse', { range: `bytes=${3 * GiB}-${3 * GiB + 99}` })
    assert.ok(hole.body.equals(Buffer.alloc(100)))
  } finally {
    alice.close()
    await tracker.stop()
    await site.remove()
  }
})

test.run()
