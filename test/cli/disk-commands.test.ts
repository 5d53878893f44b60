import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { ControlComponents } from '../../node/control-api.ts'
import type { Disk } from '../../node/disk/disk.ts'
import type { AttachRequest, DiskObject } from '../../src/api/disk-schemas.ts'
import { ASK } from '../../src/cli/completion/scripts.ts'
import { readProgress } from '../../src/cli/qemu-img.ts'
import { ConflictError, NotFoundError, UnreachableError } from '../../src/core/errors.ts'
import { runBootswarm, runHere } from '../fixtures/cli.ts'
import { controlApi } from '../fixtures/control-api.ts'
import { withScratch } from '../fixtures/scratch.ts'

const test = suite('bootswarm disk')

const DISK: DiskObject = {
  ...{ name: 'site-debian-3', reference: 'site/debian:12', namespace: 'site', image: 'debian', version: 3 },
  ...{ manifest: 'bafy', size: 2 ** 31, state: 'ready', fill: true, onLoss: 'wait', complete: false },
  ...{ socket: '/run/bootswarm/disks/site-debian-3.sock', export: 'site/debian@bafy', connections: 2 },
  attachedAt: Date.UTC(2030, 0, 1),
  figures: {
    ...{ reads: 923, readBytes: 40_580_710, errors: 0, waits: 92, stalls: 1, localShare: 0.9 },
    waitSeconds: { p50: 0.004, p95: 0.031, p99: 0.25, max: 6.1, sum: 9 },
    ...{ damagedBlocks: 0, storeBytes: 1, fetchedBytes: 42_000_000, peerBytes: 300, originBytes: 100 },
    runs: { held: 30, total: 120 },
    boot: {
      ...{ profileBytes: 38_000_000, usedBytes: 36_000_000, fetchedBytes: 39_000_000 },
      ...{ reads: 923, hits: 900 },
    },
  },
}

interface Node {
  readonly socket: string
  readonly dir: string
  readonly attached: AttachRequest[]
  readonly detached: [name: string, attachment: string | undefined][]
}

const notHere = () => {
  throw new NotFoundError('not here')
}

/** A control API with a disk, and another one while it is attached. */
function withFake(task: (node: Node) => Promise<void>): Promise<void> {
  return withScratch(async (dir) => {
    const node: Node = { socket: join(dir, 'node.sock'), dir, attached: [], detached: [] }
    const unavailable: DiskObject = { ...DISK, name: 'other', state: 'unavailable', reason: 'nobody has it' }
    delete unavailable.figures
    const disks = {
      list: () => [DISK, unavailable],
      get: (name: string) => {
        if (name === 'other') return unavailable
        if (name !== DISK.name) throw new NotFoundError('no such disk')
        return DISK
      },
      attach: async (request: AttachRequest) => {
        node.attached.push(request)
        if (request.reference === 'site/far') throw new UnreachableError('the tracker cannot be reached')
        const { name = DISK.name } = request
        return { disk: { ...DISK, name }, attachment: name === 'there' ? undefined : 'first' }
      },
      detach: async (name: string, { attachment }: { attachment?: string }) => {
        node.detached.push([name, attachment])
        if (name === 'gone') throw new NotFoundError(`there is no disk ${name}`)
        if (name === 'taken') throw new ConflictError(`disk ${name} was attached again by somebody else`)
      },
      opened: (name: string) => (name === DISK.name ? ({} as Disk) : notHere()),
    }
    const boots = { send: async () => ({ reads: [[0, 8192, 0]], durationMs: 63_400 }) }
    const app = controlApi({ disks, boots } as unknown as ControlComponents)
    await app.listen({ path: node.socket })
    try {
      await task(node)
    } finally {
      await app.close()
    }
  })
}

test('asks for what was said, and for nothing else', () =>
  withFake(async ({ socket, attached }) => {
    const lines = [[], ['--no-fill'], ['--fill', '--on-loss', 'error', '--name', 'vm']]
    for (const words of lines) {
      const { code, stderr } = await runHere([
        'disk',
        'attach',
        'site/debian:12',
        ...words,
        '--socket',
        socket,
      ])
      assert.is(code, 0, stderr)
    }
    assert.equal(attached, [
      { reference: 'site/debian:12' },
      { reference: 'site/debian:12', fill: false },
      { reference: 'site/debian:12', name: 'vm', fill: true, onLoss: 'error' },
    ])
  }))

test('says everything at once as JSON, and the name alone', () =>
  withFake(async ({ socket }) => {
    const line = ['disk', 'attach', 'site/debian:12', '--socket', socket, '-o']
    const item = JSON.parse((await runHere([...line, 'json'])).stdout)
    assert.is(item.uri, 'nbd+unix:///site/debian@bafy?socket=/run/bootswarm/disks/site-debian-3.sock')
    assert.is(item.qemu[0], '-blockdev')
    assert.match(item.libvirt, '<disk type="network"')
    assert.is((await runHere([...line, 'name'])).stdout, 'site-debian-3\n')
  }))

test('without qemu-img an overlay is refused with how to install it, before anything is attached', () =>
  withFake(async ({ socket, dir, attached }) => {
    const overlay = join(dir, 'vm.qcow2')
    const line = ['disk', 'attach', 'site/debian', '--name', 'new', '--overlay', overlay, '--socket', socket]
    const { code, stdout, stderr } = await runBootswarm(line, { env: { PATH: dir } })
    assert.equal([code, stdout], [1, ''])
    assert.match(stderr, 'qemu-img is not installed\nInstall it: apt install qemu-utils')
    assert.equal(attached, [])
  }))

/** A qemu-img that cannot make anything. */
async function makeBadQemuImg(dir: string): Promise<void> {
  const script = '#!/bin/sh\n[ "$1" = --version ] && exit 0\necho "qemu-img: no space" >&2\nexit 1\n'
  await writeFile(join(dir, 'qemu-img'), script, { mode: 0o755 })
}

test('a disk goes when its overlay cannot be made, and no other: not one that was there, nor one that somebody else has by now', () =>
  withFake(async ({ socket, dir, detached }) => {
    await makeBadQemuImg(dir)
    const attach = async (name: string) => {
      const overlay = join(dir, 'vm.qcow2')
      const line = ['disk', 'attach', 'site/debian', '--name', name, '--overlay', overlay, '--socket', socket]
      return await runBootswarm(line, { env: { PATH: dir } })
    }
    for (const name of ['new', 'there', 'gone', 'taken']) {
      const { code, stdout, stderr } = await attach(name)
      assert.equal([code, stdout], [1, ''])
      assert.match(stderr, 'bootswarm: qemu-img: no space')
      assert.is(stderr.includes('stays attached'), name === 'taken')
      assert.is(
        stderr.includes('disk taken stays attached: disk taken was attached again by somebody else\n'),
        name === 'taken',
      )
    }
    assert.equal(detached, [
      ['new', 'first'],
      ['gone', 'first'],
      ['taken', 'first'],
    ])
  }))

test('a place where no overlay can be is told before anything is attached', () =>
  withFake(async ({ socket, dir, attached }) => {
    await makeBadQemuImg(dir)
    const line = ['disk', 'attach', 'site/debian', '--overlay', join(dir, 'none', 'vm'), '--socket', socket]
    const { code, stderr } = await runBootswarm(line, { env: { PATH: dir } })
    assert.is(code, 2)
    assert.match(stderr, `no overlay can be made in ${join(dir, 'none')} (ENOENT)`)
    assert.equal(attached, [])
  }))

test('shows what machines have read and how long they waited', () =>
  withFake(async ({ socket }) => {
    const { stdout } = await runHere(['disk', 'stat', '--socket', socket])
    assert.match(
      stdout,
      /site-debian-3 +923 +38\.7 MiB +90 % +92 +4\.0 ms +31 ms +250 ms +6\.1 s +1 +0 +25 %/,
    )
    assert.match(stdout, /other( +-)+/)
    const one = (await runHere(['disk', 'stat', 'site-debian-3', '--socket', socket])).stdout
    assert.match(one, /^waits +92: half 4\.0 ms, 95 % 31 ms, 99 % 250 ms, longest 6\.1 s$/m)
    assert.match(one, /^over the wire +400 B, 75 % of it from peers$/m)
    assert.match(
      (await runHere(['disk', 'stat', 'other', '--socket', socket])).stdout,
      /^state +unavailable: nobody has it$/m,
    )
  }))

test('a tracker that the node does not reach is a matter of the node', () =>
  withFake(async ({ socket }) => {
    const { code, stderr } = await runHere(['disk', 'attach', 'site/far', '--socket', socket])
    assert.is(code, 7)
    assert.match(
      stderr,
      'the tracker cannot be reached\nIt is the node that gets no answer, not this command',
    )
    const nobody = await runHere(['disk', 'ls', '--socket', `${socket}.none`])
    assert.match(nobody.stderr, 'bootswarm context show')
  }))

test('a name that no disk can have is wrong usage, with the rule for names', () =>
  withFake(async ({ socket, attached }) => {
    for (const words of [
      ['disk', 'attach', 'site/debian:12', '--name', 'a/b'],
      ['disk', 'detach', 'a b'],
      ['disk', 'stat', 'ä'],
      ['image', 'profile', 'record', 'x y'],
    ]) {
      const { code, stderr } = await runHere([...words, '--socket', socket])
      assert.is(code, 2, stderr)
      assert.match(stderr, 'The name of a disk has 1 to 64 of a-z A-Z 0-9 _ . -')
    }
    assert.equal(attached, [])
  }))

test('names disks where a shell completes them', () =>
  withFake(async ({ socket }) => {
    const env = { BOOTSWARM_SOCKET: socket }
    const { stdout } = await runHere([ASK, '--', 'disk', 'detach', 's'], env)
    assert.match(stdout, /^site-debian-3/m)
  }))

test('flatten writes over nothing, and to no pipe', () =>
  withFake(async ({ socket, dir }) => {
    const target = join(dir, 'there.img')
    await writeFile(target, 'x')
    assert.is((await runHere(['disk', 'flatten', 'site-debian-3', target, '--socket', socket])).code, 5)
    assert.is((await runHere(['disk', 'flatten', 'site-debian-3', '-', '--socket', socket])).code, 2)
  }))

test('image profile record hands in what a machine has read so far', () =>
  withFake(async ({ socket }) => {
    const record = (name: string, ...more: string[]) =>
      runHere(['image', 'profile', 'record', name, '--socket', socket, ...more])
    const { code, stdout } = await record('site-debian-3')
    assert.equal([code, stdout], [0, 'handed in 1 reads of 8.0 KiB in 1 min 3 s\n'])
    const data = JSON.parse((await record('site-debian-3', '-o', 'json')).stdout)
    assert.equal(data, { reads: 1, bytes: 8192, durationMs: 63_400 })
  }))

test('reads the progress that qemu-img prints', () => {
  const shares: number[] = []
  const read = readProgress((share) => shares.push(share))
  for (const text of ['    (0.00/100%)\r', '    (12.50/100%)\r    (25.00/100%)\r', 'x']) read(text)
  assert.equal(shares, [0, 0.25])
})

test.run()
