import { connect } from 'node:tls'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { fillPath, TRACKER_PATHS } from '../../../src/api/tracker-paths.ts'
import type { Identity } from '../../../src/identity/identity-files.ts'
import type { Tracker } from '../../../tracker/tracker.ts'
import { TRACKER_NAME, TrackerSite } from '../../fixtures/tracker.ts'

const test = suite<{ site: TrackerSite; tracker: Tracker; alice: Identity }>('100-continue')

test.before(async (context) => {
  context.site = await TrackerSite.create()
  context.tracker = await context.site.start()
  context.alice = await context.site.user('alice')
})
test.after(async ({ site, tracker }) => {
  await tracker?.stop()
  await site?.remove()
})

/** A connection on which a test says what it likes. */
class Line {
  readonly #socket
  #text = ''

  constructor({ site, tracker, identity }: { site: TrackerSite; tracker: Tracker; identity: Identity }) {
    const { hostname, port } = new URL(tracker.url)
    const { certificatePem: cert, keyPem: key } = identity
    const ca = site.site.ca.certificatePem
    this.#socket = connect({ host: hostname, port: Number(port), ca, servername: TRACKER_NAME, cert, key })
    this.#socket.on('data', (piece: Buffer) => (this.#text += piece.toString('latin1')))
  }

  send(text: string): void {
    this.#socket.write(text)
  }

  /** Everything that came until `pattern` was in it. */
  async until(pattern: RegExp): Promise<string> {
    while (!pattern.test(this.#text)) await new Promise((resolve) => this.#socket.once('data', resolve))
    return this.#text
  }

  async ended(): Promise<string> {
    if (!this.#socket.readableEnded) await new Promise((resolve) => this.#socket.once('end', resolve))
    this.#socket.destroy()
    return this.#text
  }

  destroy(): void {
    this.#socket.destroy()
  }
}

const post = (path: string, type: string, length: number) =>
  `POST ${path} HTTP/1.1\r\nHost: ${TRACKER_NAME}\r\nContent-Type: ${type}\r\nContent-Length: ${length}\r\nExpect: 100-continue\r\n\r\n`

test('a body is asked for, and the connection serves on', async ({ site, tracker, alice }) => {
  const line = new Line({ site, tracker, identity: alice })
  const body = '{"namespace":"alice","name":"x"}'
  line.send(post(TRACKER_PATHS.images, 'application/json', body.length))
  await line.until(/HTTP\/1\.1 100 Continue\r\n\r\n/)
  line.send(body)
  await line.until(/HTTP\/1\.1 201 /)
  line.send(`GET ${TRACKER_PATHS.whoami} HTTP/1.1\r\nHost: ${TRACKER_NAME}\r\n\r\n`)
  assert.match(await line.until(/HTTP\/1\.1 200 /), /100 Continue.*201 Created.*200 OK/s)
  line.destroy()
})

test('who is refused is not asked for the body', async ({ site, tracker, alice }) => {
  const line = new Line({ site, tracker, identity: alice })
  const path = fillPath(TRACKER_PATHS.upload, { upload: 'a'.repeat(24) })
  line.send(post(`${path}/none`, 'application/octet-stream', 1_000_000))
  const text = await line.ended()
  assert.match(text, /^HTTP\/1\.1 404 /)
  assert.match(text, /connection: close/i)
  assert.not.match(text, '100 Continue')
})

test.run()
