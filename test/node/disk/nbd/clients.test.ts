// deadline: 240 s
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { silentObserver } from '../../../../node/disk/nbd/observer.ts'
import { NbdServer } from '../../../../node/disk/nbd/server.ts'
import { MemoryDisk } from '../../../../scripts/bench/memory-disk.ts'
import { systemClock } from '../../../../src/core/clock.ts'
import { silentLog } from '../../../../src/core/log.ts'
import { until } from '../../../fixtures/hosts.ts'
import { fioLack, negotiate, outputOf, runClient } from '../../../fixtures/nbd-process.ts'
import { RecordingObserver, sampleDisk, withNbd } from '../../../fixtures/nbd-site.ts'
import { missingPrograms, testsThatNeed } from '../../../fixtures/programs.ts'
import { withScratch } from '../../../fixtures/scratch.ts'

const test = suite('NBD clients')
const MiB = 1024 * 1024
const NAME = 'team/debian:12'
const withLibnbd = testsThatNeed(test, missingPrograms('nbdinfo', 'nbdcopy'))
const withQemu = testsThatNeed(test, missingPrograms('qemu-img', 'qemu-io'))
const withStorageDaemon = testsThatNeed(test, missingPrograms('qemu-storage-daemon', 'nbdcopy'))
const withNbdClient = testsThatNeed(test, missingPrograms('nbd-client'))
const withFio = testsThatNeed(test, await fioLack())

function uriOf(path: string, name = NAME): string {
  return `nbd+unix:///${name}?socket=${path}`
}

const PATTERN_BYTES = 64 * 1024
const patternAt = (offset: number) => 1 + ((offset / PATTERN_BYTES) % 50)

/** Forty commands of qemu-io. */
function anyReads(bytes: Buffer): string[] {
  return Array.from({ length: 40 }, () => {
    const from = Math.floor(Math.random() * (bytes.length - 1))
    const length = 1 + Math.floor(Math.random() * Math.min(300_000, bytes.length - from - 1))
    return `read ${from} ${length}`
  })
}

/** A disk that is served, its bytes also in a file. */
function withSample(
  task: (place: { uri: string; path: string; dir: string; file: string; bytes: Buffer }) => Promise<void>,
  observer = new RecordingObserver(),
): Promise<void> {
  const { disk, bytes } = sampleDisk()
  return withScratch((dir) =>
    withNbd(
      disk,
      async ({ path }) => {
        const file = join(dir, 'disk.raw')
        await writeFile(file, bytes)
        await task({ uri: uriOf(path), path, dir, file, bytes })
      },
      { observer },
    ),
  )
}

withLibnbd('nbdinfo tells what the disk is and can, as text and as JSON', () =>
  withSample(async ({ uri, bytes }) => {
    const text = await outputOf('nbdinfo', uri)
    for (const line of [
      'protocol: newstyle-fixed without TLS, using structured packets',
      `export="${NAME}"`,
      'description: Debian of the team',
      `export-size: ${bytes.length}`,
      'x-bootswarm:cached',
      'is_read_only: true',
      'can_multi_conn: true',
      'can_cache: true',
      'can_df: true',
      'block_size_maximum: 33554432',
    ]) {
      assert.match(text, line)
    }
    const listed = JSON.parse(await outputOf('nbdinfo', '--json', '--list', uri))
    assert.equal(
      listed.exports.map((one: Record<string, unknown>) => [one['export-name'], one['contexts']]),
      [[NAME, ['base:allocation', 'x-bootswarm:cached']]],
    )
    assert.is((await outputOf('nbdinfo', '--size', uri)).trim(), String(bytes.length))
    assert.is((await runClient('nbdinfo', uri.replace('debian', 'other'))).code, 1)
  }),
)

withLibnbd('nbdinfo --map tells holes, and what is local', () =>
  withSample(async ({ uri, bytes }) => {
    const map = JSON.parse(await outputOf('nbdinfo', '--map', '--json', uri))
    assert.equal(
      map.map(({ offset, type }: { offset: number; type: number }) => [offset / MiB, type]),
      [
        [0, 3],
        [1, 0],
        [2, 3],
        [4, 0],
        [5, 3],
      ],
    )
    const cached = JSON.parse(await outputOf('nbdinfo', '--map=x-bootswarm:cached', '--json', uri))
    assert.is(cached.length, 1)
    assert.is(cached[0].length, bytes.length)
    assert.is(cached[0].type, 1)
  }),
)

withLibnbd('nbdcopy makes the same bytes with the same holes, over one connection and several', () =>
  withSample(async ({ uri, dir, bytes }) => {
    for (const connections of ['1', '4']) {
      const copy = join(dir, `copy-${connections}`)
      await outputOf('nbdcopy', `--connections=${connections}`, '--sparse=4096', uri, copy)
      assert.ok((await readFile(copy)).equals(bytes))
      assert.ok((await stat(copy)).blocks * 512 <= 2 * MiB + 64 * 1024)
      await outputOf('nbdcopy', `--connections=${connections}`, '--synchronous', uri, copy)
      assert.ok((await readFile(copy)).equals(bytes))
    }
  }),
)

withQemu('qemu-img converts, compares and maps', () =>
  withSample(async ({ uri, dir, file }) => {
    const copy = join(dir, 'copy.qcow2')
    await outputOf('qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', uri, copy)
    await outputOf('qemu-img', 'compare', '-f', 'raw', '-F', 'qcow2', uri, copy)
    await outputOf('qemu-img', 'compare', '-f', 'raw', '-F', 'raw', uri, file)
    const map = JSON.parse(await outputOf('qemu-img', 'map', '--output=json', '-f', 'raw', uri))
    const data = map.filter((part: { data: boolean }) => part.data)
    assert.equal(
      data.map((part: { start: number }) => part.start / MiB),
      [1, 4],
    )
  }),
)

withQemu('qemu-io reads anything anywhere, and cannot write', () =>
  withSample(async ({ uri, bytes, path }) => {
    const commands = [...anyReads(bytes), 'aio_read 0 4194304', 'aio_read 4194304 4000000', 'aio_flush']
    const args = commands.flatMap((command) => ['-c', command])
    const text = await outputOf('qemu-io', '-r', '-f', 'raw', ...args, uri)
    assert.is(text.match(/^read \d+\/\d+ bytes at offset/gm)?.length, 42)
    const writing = await runClient('qemu-io', '-f', 'raw', '-c', 'write 0 512', uriOf(path))
    assert.is.not(writing.code, 0)
  }),
)

withQemu('qemu-io finds the bytes that are there, and no others', () => {
  const bytes = Buffer.alloc(4 * MiB)
  for (let at = 0; at < bytes.length; at += PATTERN_BYTES) bytes.fill(patternAt(at), at, at + PATTERN_BYTES)
  const patterned = new MemoryDisk({ name: NAME, description: 'Debian of the team', bytes })
  return withNbd(patterned, async ({ path }) => {
    const reads = Array.from({ length: 40 }, () => {
      const start = PATTERN_BYTES * Math.floor((Math.random() * bytes.length) / PATTERN_BYTES)
      const from = Math.floor(Math.random() * PATTERN_BYTES)
      const length = 1 + Math.floor(Math.random() * (PATTERN_BYTES - from))
      return `read -P ${patternAt(start)} ${start + from} ${length}`
    })
    const args = reads.flatMap((command) => ['-c', command])
    const text = await outputOf('qemu-io', '-r', '-f', 'raw', ...args, uriOf(path))
    assert.is(text.match(/^read \d+\/\d+ bytes at offset/gm)?.length, 40)
    assert.not.match(text, /verification failed/)
    const wrong = await runClient('qemu-io', '-r', '-f', 'raw', '-c', 'read -P 77 0 512', uriOf(path))
    assert.match(wrong.stdout + wrong.stderr, /verification failed/)
  })
})

withQemu('a client with reconnect-delay goes on when the server comes back', () =>
  withScratch(async (dir) => {
    const { disk, bytes } = sampleDisk()
    const path = join(dir, 'nbd.sock')
    const start = async () => {
      const server = new NbdServer({ clock: systemClock, observer: silentObserver, log: silentLog })
      await server.listenAtPath(path, () => [disk])
      return server
    }
    let server = await start()
    const drive = { driver: 'nbd', server: { type: 'unix', path }, export: NAME, 'reconnect-delay': 30 }
    const image = `json:${JSON.stringify({ driver: 'raw', 'read-only': true, file: drive })}`
    const child = spawn('stdbuf', ['-oL', 'qemu-io', '-r', image], { stdio: ['pipe', 'pipe', 'inherit'] })
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (piece: string) => {
      text += piece
    })
    // one at a time: it does not look for a second line before more arrives
    const ask = (command: string) => child.stdin.write(`${command}\n`)
    const answered = (answer: string) => until(() => text.includes(answer))
    ask(`read -v ${MiB} 512`)
    await answered('read 512/512')
    for (const length of [4096, 8192, 1048576]) {
      await server.stop()
      // asked while nobody is there
      ask(`read ${4 * MiB} ${length}`)
      server = await start()
      await answered(`read ${length}/${length}`)
    }
    child.stdin.end('quit\n')
    await once(child, 'close')
    await server.stop()
    const first = bytes.subarray(MiB, MiB + 4)
    assert.match(text, [...first].map((byte) => byte.toString(16).padStart(2, '0')).join(' '))
    assert.not.match(text, /failed/)
  }),
)

withStorageDaemon('qemu-storage-daemon passes the disk on', () =>
  withSample(async ({ path, dir, bytes }) => {
    const out = join(dir, 'out.sock')
    const daemon = spawn('qemu-storage-daemon', [
      ...[
        '--blockdev',
        `driver=nbd,node-name=disk,server.type=unix,server.path=${path},export=${NAME},read-only=on`,
      ],
      ...['--nbd-server', `addr.type=unix,addr.path=${out}`],
      ...['--export', 'type=nbd,id=one,node-name=disk,name=one'],
    ])
    try {
      await until(async () => (await runClient('nbdinfo', '--size', uriOf(out, 'one'))).code === 0)
      const copy = join(dir, 'copy')
      await outputOf('nbdcopy', uriOf(out, 'one'), copy)
      assert.ok((await readFile(copy)).subarray(0, bytes.length).equals(bytes))
    } finally {
      daemon.kill('SIGTERM')
      await once(daemon, 'close')
    }
  }),
)

withNbdClient('nbd-client lists the disks', () =>
  withSample(async ({ path }) => {
    const { stdout, stderr } = await runClient('nbd-client', '-l', '-unix', path)
    assert.match(stdout + stderr, NAME)
  }),
)

withNbdClient('nbd-client agrees with it on a disk', () =>
  withSample(async ({ path, dir, bytes }) => {
    const { stdout, stderr } = await negotiate({ path, name: NAME, dir })
    assert.match(stdout + stderr, `size = ${Math.floor(bytes.length / MiB)}MB`)
    // a kernel would get the socket now
    assert.match(stdout + stderr, 'Inappropriate ioctl')
    const other = await negotiate({ path, name: 'team/other', dir })
    assert.not.match(other.stdout + other.stderr, /size = |ioctl/)
  }),
)

withFio('fio reads at random', () => {
  const observer = new RecordingObserver()
  const run = async ({ uri, dir }: { uri: string; dir: string }) => {
    const args = ['--name=r', '--ioengine=nbd', `--uri=${uri}`, '--rw=randread', '--bs=4k', '--iodepth=16']
    const sizes = ['--size=8388608', '--io_size=8m', `--aux-path=${dir}`, '--output-format=json']
    const text = await outputOf('fio', ...args, ...sizes)
    // its engine says hello on the same stream
    const report = JSON.parse(text.slice(text.indexOf('{')))
    assert.is(report.jobs[0].error, 0)
    assert.is(
      report.jobs[0].read.total_ios,
      observer.answers.filter(({ command }) => command === 'read').length,
    )
    assert.ok(report.jobs[0].read.total_ios > 1000)
  }
  return withSample(run, observer)
})

test.run()
