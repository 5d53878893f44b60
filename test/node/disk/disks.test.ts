import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { DiskFiles } from '../../../node/disk/disk-files.ts'
import { Disks } from '../../../node/disk/disks.ts'
import { silentObserver } from '../../../node/disk/nbd/observer.ts'
import { NbdServer } from '../../../node/disk/nbd/server.ts'
import type { CatalogEntry } from '../../../node/image-catalog.ts'
import { findEntry } from '../../../node/image-catalog.ts'
import type { JoinAnswer } from '../../../node/joiner.ts'
import { systemClock } from '../../../src/core/clock.ts'
import { DISK_RETRY_MS } from '../../../src/core/disk-limits.ts'
import { NotFoundError, UnreachableError } from '../../../src/core/errors.ts'
import { silentLog } from '../../../src/core/log.ts'
import { catalogEntry, MemoryOpener } from '../../fixtures/attachable-disks.ts'
import { failureOf } from '../../fixtures/failure.ts'
import { FakeClock } from '../../fixtures/fake-clock.ts'
import { until } from '../../fixtures/hosts.ts'
import { recordingLog } from '../../fixtures/recording-log.ts'
import { withScratch } from '../../fixtures/scratch.ts'

const test = suite('disks')
const REFERENCE = 'site/debian'
const NAME = 'site-debian-3'

class Place {
  readonly dir: string
  readonly opener = new MemoryOpener()
  /** What the tracker knows; undefined: it is away. */
  images: CatalogEntry[] | undefined = [catalogEntry()]
  readonly clock = new FakeClock()
  readonly log = recordingLog()
  /** Images that were attached again. */
  readonly renewed: CatalogEntry[] = []
  server = new NbdServer({ clock: systemClock, log: silentLog, observer: silentObserver })
  #disks: Disks | undefined

  constructor(dir: string) {
    this.dir = dir
  }

  get records(): string {
    return join(this.dir, 'disks')
  }

  get sockets(): string {
    return join(this.dir, 'run')
  }

  get disks(): Disks {
    assert.ok(this.#disks)
    return this.#disks
  }

  async start(): Promise<Disks> {
    await this.#disks?.stop()
    this.server = new NbdServer({ clock: systemClock, log: silentLog, observer: silentObserver })
    const { log } = this.log
    this.#disks = new Disks(
      {
        files: new DiskFiles({ log }, { dir: this.records }),
        opener: this.opener,
        server: this.server,
        images: {
          join: async (reference, { known } = {}) => {
            if (this.images === undefined) {
              const entry = known?.(reference)
              if (entry === undefined) throw new UnreachableError('the tracker does not answer')
              return answerOf(entry)
            }
            const entry = findEntry(this.images, reference)
            if (entry === undefined) throw new NotFoundError('no such image')
            return answerOf(entry)
          },
          recall: async (entry) => answerOf(entry),
        },
        isComplete: () => false,
        renewed: async (image) => void this.renewed.push(image),
        ...{ clock: this.clock, log },
      },
      { socketDirectory: this.sockets },
    )
    await this.#disks.start()
    return this.#disks
  }

  async stop(): Promise<void> {
    await this.#disks?.stop()
  }
}

/** What the tracker says of an image, as far as disks look at it. */
function answerOf(entry: CatalogEntry): JoinAnswer {
  return { entry, away: false } as unknown as JoinAnswer
}

function withPlace(task: (place: Place, disks: Disks) => Promise<void>): Promise<void> {
  return withScratch(async (dir) => {
    const place = new Place(dir)
    try {
      await task(place, await place.start())
    } finally {
      await place.stop()
    }
  })
}

async function connected(path: string): Promise<Socket> {
  const socket = connect({ path })
  await new Promise<void>((resolve, reject) => socket.once('data', () => resolve()).once('error', reject))
  return socket
}

test('what could not be opened leaves no disk behind', () =>
  withPlace(async ({ opener, records }, disks) => {
    opener.isAway = true
    assert.is((await failureOf(disks.attach({ reference: REFERENCE }))).code, 'E_UNREACHABLE')
    assert.equal(await readdir(records), [])
    assert.equal(disks.list(), [])
  }))

test('an image is a disk at a socket for owner and group alone', () =>
  withPlace(async ({ sockets, opener }, disks) => {
    const { disk, attachment } = await disks.attach({ reference: REFERENCE })
    assert.ok(attachment)
    assert.is(disk.name, NAME)
    assert.is(disk.socket, join(sockets, `${NAME}.sock`))
    assert.is((await stat(disk.socket)).mode & 0o777, 0o660)
    assert.is((await stat(sockets)).mode & 0o777, 0o750)
    assert.is(disk.export, `site/debian@${catalogEntry().manifest}`)
    assert.is(opener.opened[0]?.init.name, disk.export)
    assert.equal([disk.fill, disk.onLoss, disk.state, disk.connections], [true, 'wait', 'ready', 0])
    const socket = await connected(disk.socket)
    assert.is(disks.get(NAME).connections, 1)
    socket.destroy()
  }))

test('figures are in seconds', () =>
  withPlace(async (_place, disks) => {
    const { disk } = await disks.attach({ reference: REFERENCE })
    assert.equal(disk.figures?.waitSeconds, { p50: 0.001, p95: 0.002, p99: 0.003, max: 1.5, sum: 0.008 })
    assert.equal([disk.figures?.peerBytes, disk.figures?.originBytes], [40, 30])
  }))

test('attaching twice, at a time too, finds the same disk', () =>
  withPlace(async ({ opener }, disks) => {
    const all = await Promise.all([1, 2, 3].map(() => disks.attach({ reference: REFERENCE })))
    const again = await disks.attach({ reference: 'site/debian@3' })
    assert.equal(
      [...all, again].map(({ disk, attachment }) => [disk.name, attachment !== undefined]),
      [
        [NAME, true],
        [NAME, false],
        [NAME, false],
        [NAME, false],
      ],
    )
    assert.is(opener.opened.length, 1)
    assert.is(disks.list().length, 1)
  }))

test('the same image under another name is another disk', () =>
  withPlace(async (_place, disks) => {
    const names = ['vm1', 'vm2']
    for (const name of names) await disks.attach({ reference: REFERENCE, name })
    assert.equal(
      disks.list().map(({ name }) => name),
      names,
    )
    assert.equal(disks.namesOf(catalogEntry()), names)
    assert.equal(disks.namesOf(catalogEntry({ version: 4 })), [])
  }))

test('a name that belongs to another image is refused, by name', () =>
  withPlace(async (place, disks) => {
    await disks.attach({ reference: REFERENCE, name: 'vm' })
    place.images = [catalogEntry({ version: 4 })]
    const error = await failureOf(disks.attach({ reference: REFERENCE, name: 'vm' }))
    assert.is(error.code, 'E_CONFLICT')
    assert.match(error.message, 'disk vm is one of site/debian@3, not of site/debian@4')
  }))

test('a tag that has moved makes a disk beside the old one', () =>
  withPlace(async (place, disks) => {
    await disks.attach({ reference: REFERENCE })
    place.images = [catalogEntry({ version: 4 })]
    await disks.attach({ reference: REFERENCE })
    assert.equal(
      disks.list().map(({ name, version }) => [name, version]),
      [
        [NAME, 3],
        ['site-debian-4', 4],
      ],
    )
  }))

test('filling can be changed by attaching again, what reads do on loss cannot', () =>
  withPlace(async ({ opener, records }, disks) => {
    await disks.attach({ reference: REFERENCE, fill: false })
    await disks.attach({ reference: REFERENCE })
    assert.equal(opener.fills, [false])
    const { disk } = await disks.attach({ reference: REFERENCE, fill: true })
    assert.ok(disk.fill)
    assert.equal(opener.fills, [false, true])
    assert.ok(JSON.parse(await readFile(join(records, `${NAME}.json`), 'utf8')).fill)
    const error = await failureOf(disks.attach({ reference: REFERENCE, onLoss: 'error' }))
    assert.is(error.code, 'E_CONFLICT')
  }))

test('what was lent to this node is offered to nobody else', () =>
  withPlace(async (place, disks) => {
    const [entry] = place.images ?? []
    assert.ok(entry)
    await disks.attach({ reference: REFERENCE })
    assert.is(disks.remoteExports().length, 1)
    const taken: string[] = []
    place.server.takeFromRemote = ({ name }) => void taken.push(name)
    place.images = [{ ...entry, delegation: 'lent' }]
    await disks.attach({ reference: REFERENCE, delegation: 'lent' })
    assert.equal([disks.remoteExports().length, disks.exports().length], [0, 1])
    assert.equal(taken, [disks.get(NAME).export])
    const again = await place.start()
    assert.equal([again.remoteExports().length, again.exports().length], [0, 1])
    place.images = [entry]
    await again.detach(NAME, { force: false })
    await again.attach({ reference: REFERENCE })
    assert.is(again.remoteExports().length, 1)
  }))

test('what an attach has made it can take back, until somebody else attaches it', () =>
  withPlace(async (place, disks) => {
    const attach = () => disks.attach({ reference: REFERENCE })
    const alone = await attach()
    await disks.detach(NAME, { force: false, attachment: alone.attachment })
    assert.equal(disks.list(), [])

    const { attachment } = await attach()
    const stale = await failureOf(disks.detach(NAME, { force: true, attachment: alone.attachment }))
    assert.is(stale.code, 'E_CONFLICT')
    await attach()
    const taken = await failureOf(disks.detach(NAME, { force: true, attachment }))
    assert.is(
      taken.message,
      `disk ${NAME} was attached again by somebody else, or the node has started anew since`,
    )

    const restarted = await place.start()
    assert.is((await failureOf(restarted.detach(NAME, { force: true, attachment }))).code, 'E_CONFLICT')
    assert.is(restarted.list().length, 1)
  }))

test('a disk that is in use is detached by force alone', () =>
  withPlace(async ({ opener, records }, disks) => {
    const { disk } = await disks.attach({ reference: REFERENCE })
    const machine = await connected(disk.socket)
    const error = await failureOf(disks.detach(NAME, { force: false }))
    assert.is(error.code, 'E_STATE')
    assert.match(error.message, '1 connection is open')
    assert.is(disks.get(NAME).connections, 1)
    const closed = new Promise((resolve) => machine.once('close', resolve))
    await disks.detach(NAME, { force: true })
    await closed
    assert.equal([disks.list(), opener.closed, await readdir(records)], [[], 1, []])
    assert.is((await failureOf(stat(disk.socket))).code, 'ENOENT')
  }))

test('what is not there is not found, and what is there is named', () =>
  withPlace(async (_place, disks) => {
    await disks.attach({ reference: REFERENCE })
    const error = await failureOf(disks.detach('vm', { force: true }))
    assert.is(error.code, 'E_NOT_FOUND')
    assert.match(String(error.data?.['advice']), NAME)
  }))

test('disks come back without the tracker, at the same socket', () =>
  withPlace(async (place, disks) => {
    const { disk } = await disks.attach({ reference: REFERENCE, fill: false, onLoss: 'error' })
    place.images = undefined
    const [back] = (await place.start()).list()
    assert.equal({ ...back, figures: undefined }, { ...disk, figures: undefined })
    const { image, init } = place.opener.opened[1] ?? {}
    assert.equal(image, catalogEntry())
    assert.equal(
      { ...init, answer: undefined },
      { name: disk.export, fill: false, onLoss: 'error', answer: undefined, isNew: false },
    )
    ;(await connected(disk.socket)).destroy()
  }))

test('without the tracker an image of a disk can be attached again, another cannot', () =>
  withPlace(async (place, disks) => {
    await disks.attach({ reference: REFERENCE })
    place.images = undefined
    assert.is((await disks.attach({ reference: REFERENCE, name: 'vm' })).disk.version, 3)
    assert.is((await failureOf(disks.attach({ reference: 'site/other' }))).code, 'E_UNREACHABLE')
  }))

test('a disk that cannot be brought back says why, and is tried again', () =>
  withPlace(async (place, disks) => {
    await disks.attach({ reference: REFERENCE })
    place.opener.isAway = true
    const restarted = await place.start()
    assert.equal(
      restarted.list().map(({ state, reason }) => [state, reason]),
      [['unavailable', 'nobody has it']],
    )
    place.opener.isAway = false
    place.clock.advance(DISK_RETRY_MS)
    await until(() => restarted.get(NAME).state === 'ready')
    assert.is(restarted.get(NAME).reason, undefined)
  }))

test('a disk that could not be attached leaves nothing', () =>
  withPlace(async (place, disks) => {
    place.opener.isAway = true
    assert.is((await failureOf(disks.attach({ reference: REFERENCE }))).code, 'E_UNREACHABLE')
    assert.equal([disks.list(), await readdir(place.records)], [[], []])
    place.opener.isAway = false
    await disks.attach({ reference: REFERENCE })
  }))

test('a record that cannot be understood is left alone', () =>
  withPlace(async (place, disks) => {
    await disks.attach({ reference: REFERENCE })
    await writeFile(join(place.records, 'torn.json'), '{"name": "torn"')
    await writeFile(join(place.records, 'other.json'), await readFile(join(place.records, `${NAME}.json`)))
    assert.is((await place.start()).list().length, 1)
    assert.equal(
      place.log.lines.filter(({ level }) => level === 'error').map(({ data }) => data),
      [{ file: 'other.json' }, { file: 'torn.json' }],
    )
  }))

test('a fresh grant is kept for the next start', () =>
  withPlace(async (place, disks) => {
    await disks.attach({ reference: REFERENCE })
    await disks.renewed(catalogEntry().manifest, 'fresh')
    assert.is((await place.start()).images()[0]?.grant, 'fresh')
  }))

test('a right that is lent when a disk is attached again counts from then on', () =>
  withPlace(async (place, disks) => {
    await disks.attach({ reference: REFERENCE })
    assert.equal(place.renewed, [])
    const [entry] = place.images ?? []
    assert.ok(entry)
    place.images = [{ ...entry, grant: 'newer', delegation: 'lent' }]
    await disks.attach({ reference: REFERENCE })
    const lent = ({ grant, delegation }: CatalogEntry) => ({ grant, delegation })
    assert.equal(place.renewed.map(lent), [{ grant: 'newer', delegation: 'lent' }])
    place.images = [{ ...entry, grant: 'newest' }]
    await disks.attach({ reference: REFERENCE })
    const again = (await place.start()).images()
    assert.equal(again.map(lent), [{ grant: 'newest', delegation: 'lent' }])
  }))

test('nothing is attached while garbage is collected, nor the other way round', () =>
  withPlace(async (_place, disks) => {
    const attaching = disks.attach({ reference: REFERENCE })
    assert.is((await failureOf(disks.exclusively(async () => {}))).code, 'E_STATE')
    await attaching
    await disks.exclusively(async () => {
      assert.is((await failureOf(disks.attach({ reference: REFERENCE }))).code, 'E_STATE')
    })
  }))

test('a path that is too long for a socket is refused with what to do', () =>
  withScratch(async (dir) => {
    const place = new Place(join(dir, 'x'.repeat(80)))
    await mkdir(place.dir)
    const disks = await place.start()
    const error = await failureOf(disks.attach({ reference: REFERENCE }))
    assert.is(error.code, 'E_CONFIG')
    assert.match(String(error.data?.['advice']), 'disk.socketDirectory')
    await place.stop()
  }))

test.run()
