import { chmod, chown, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { closedDirectory, warnOfClosedSockets } from '../../../node/disk/socket-reach.ts'
import { groupId } from '../../../node/socket-file.ts'
import { testsThatNeed } from '../../fixtures/programs.ts'
import { recordingLog } from '../../fixtures/recording-log.ts'

const test = suite('reach of the sockets of disks')
const GROUP = 'daemon'
const group = process.getuid?.() === 0 ? await groupId(GROUP) : undefined
const asRoot = testsThatNeed(
  test,
  group === undefined ? `giving directories away needs root and the group ${GROUP}` : undefined,
)

/** Every directory on the way is open: where tests have their scratch, it need not be. */
async function withOpen(task: (dir: string) => Promise<void>): Promise<void> {
  const dir = await mkdtemp('/tmp/bs-reach-')
  try {
    await chmod(dir, 0o755)
    await task(dir)
  } finally {
    await rm(dir, { recursive: true })
  }
}

asRoot('a directory that the group may not enter is found, whoever it belongs to', () =>
  withOpen(async (dir) => {
    assert.ok(group)
    const data = join(dir, 'data')
    const sockets = join(data, 'disks')
    assert.is(await closedDirectory(sockets, group), undefined, 'what is missing is made for it')
    await mkdir(sockets, { recursive: true })
    for (const [path, mode, gid, closed] of [
      [sockets, 0o700, 0, sockets],
      [sockets, 0o750, 0, sockets],
      [sockets, 0o750, group, undefined],
      [data, 0o700, group, data],
      [data, 0o701, 0, undefined],
    ] as const) {
      await chown(path, 0, gid)
      await chmod(path, mode)
      assert.is(await closedDirectory(sockets, group), closed)
    }
  }),
)

asRoot('a node says where machines cannot reach their disks', () =>
  withOpen(async (dir) => {
    const directory = join(dir, 'disks')
    const { log, lines } = recordingLog()
    await warnOfClosedSockets({ log }, { directory, group: GROUP })
    await mkdir(directory, { mode: 0o700 })
    await warnOfClosedSockets({ log }, { directory, group: 'nobody-has-this' })
    assert.equal(lines, [])
    await warnOfClosedSockets({ log }, { directory, group: GROUP })
    assert.equal(lines.at(0)?.data, { sockets: directory, closed: directory })
    assert.match(lines.at(0)?.message ?? '', 'disk.socketDirectory')
  }),
)

test.run()
