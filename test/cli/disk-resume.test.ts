import { appendFile, chmod, readFile, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { fastify } from 'fastify'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { NODE_PATHS } from '../../src/api/node-paths.ts'
import { Virsh } from '../../src/cli/virsh.ts'
import { runHere } from '../fixtures/cli.ts'
import { diskObject } from '../fixtures/disk-object.ts'
import { failureOf } from '../fixtures/failure.ts'
import { withScratch } from '../fixtures/scratch.ts'

const test = suite('bootswarm disk resume')

/** Runs `task` where `virsh` is this script: $DIR is the directory, $1 the command, $2 and $3 what follows. */
function withVirsh(script: string, task: (dir: string) => Promise<void>): Promise<void> {
  return withScratch(async (dir) => {
    const path = join(dir, 'virsh')
    await writeFile(path, `#!/bin/sh\nDIR='${dir}'\nshift 2\n${script}`)
    await chmod(path, 0o755)
    const before = process.env['PATH'] ?? ''
    process.env['PATH'] = `${dir}${delimiter}${before}`
    try {
      await task(dir)
    } finally {
      process.env['PATH'] = before
    }
  })
}

const NODES = JSON.stringify({
  return: [
    { 'node-name': 'other', drv: 'file', file: 'x'.repeat(200_000) },
    { 'node-name': 'n1', drv: 'nbd', file: 'nbd+unix:///site?socket=/d.sock' },
  ].reverse(),
})

/** "well" is stopped and has a disk of the node; "gone" ends after it was listed; "mute" fails; "plain" has no disk by NBD. */
const MACHINES = `case "$1 $2 $3" in
  "list --uuid "*) printf 'well\\nmute\\nplain\\n'; [ -e $DIR/listed ] || echo gone; touch $DIR/listed ;;
  "domname "*) echo "vm-$2" ;;
  "dumpxml plain "*) echo "<domain/>" ;;
  "dumpxml well "*) echo "<source protocol='nbd'/>" ;;
  "dumpxml "*) echo "error: no answer of $2" >&2; exit 1 ;;
  "qemu-monitor-command well --hmp") echo "$4" >>$DIR/touched ;;
  "qemu-monitor-command well "*) cat $DIR/nodes ;;
  "domstate --reason well") [ -e $DIR/resumed ] && echo 'running (unpaused)' || echo 'paused (I/O error)' ;;
  "resume well "*) touch $DIR/resumed ;;
  *) echo "$*" >>$DIR/unexpected; exit 1 ;;
esac
`

test('a disk with a reason is touched, and machines that fail or end hold up no other', () =>
  withVirsh(MACHINES, async (dir) => {
    await writeFile(join(dir, 'nodes'), NODES)
    await appendFile(join(dir, 'touched'), '')
    const app = fastify()
    app.get(NODE_PATHS.disks, async () => {
      const connections = (await readFile(join(dir, 'touched'), 'utf8')) === '' ? 0 : 1
      return [diskObject({ name: 'd', socket: '/d.sock', reason: 'no room', connections })]
    })
    const socket = join(dir, 'node.sock')
    await app.listen({ path: socket })
    try {
      const { code, stdout, stderr } = await runHere([
        ...['disk', 'resume', '--socket', socket, '-o', 'json'],
      ])
      assert.is(code, 1)
      assert.equal(JSON.parse(stdout), [{ domain: 'vm-well', disks: ['d'], resumed: true }])
      assert.match(stderr, 'vm-mute (virsh: no answer of mute)')
      assert.not.match(stderr, 'gone')
      assert.match(await readFile(join(dir, 'touched'), 'utf8'), /^qemu-io n1 "read 0 512"$/m)
      assert.is(await readFile(join(dir, 'unexpected'), 'utf8').catch(() => ''), '')
    } finally {
      await app.close()
    }
  }))

test('a call that is not answered is ended', () =>
  withVirsh('exec sleep 60\n', async () => {
    const virsh = new Virsh({ uri: 'test:///default', callMs: 50 }, {})
    try {
      await virsh.domains()
      assert.unreachable()
    } catch (error) {
      assert.match(String(error), 'virsh list: no answer within 0.05 s')
    }
  }))

test('what virsh says in several lines is told in one', () =>
  withVirsh(`printf 'error: failed to connect\\nerror: No such file\\n\\n' >&2; exit 1`, async () => {
    const virsh = new Virsh({ uri: 'qemu:///system' }, {})
    assert.is((await failureOf(virsh.domains())).message, 'virsh: failed to connect; No such file')
  }))

test.run()
