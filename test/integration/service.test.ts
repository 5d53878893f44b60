// mostly waits
/** The unit under a real systemd: one that boots in a container over the file system of this machine, which it does not change. */
import { chmod, mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { runProgram } from '../../src/util/run-program.ts'
import { missingPrograms, testsThatNeed } from '../fixtures/programs.ts'
import { Site } from '../fixtures/site.ts'

const test = suite('service under systemd')
/** The boot of a container takes seconds; a machine that measures something else takes longer. */
const BOOT_TIMEOUT_MS = 240_000

const YAML = `dataDir: /var/lib/bootswarm/node
tracker: { url: "https://127.0.0.1:1", name: tracker.example }
identity: { certificate: hv1.pem, key: hv1.key, ca: ca.pem }
export: { directories: [/srv/guests] }
`

/** What an operator types, and what is looked at: `say NAME COMMAND…` writes the output to a file of that name. */
const SCRIPT = `bootswarm() { /opt/bootswarm/scripts/bootswarm.js "$@"; }
say() { name=$1; shift; "$@" >/said/$name 2>&1; echo "exit $?" >>/said/$name; }
export PATH=/opt/bootswarm/node_modules/node/bin:$PATH
systemd-machine-id-setup >/dev/null 2>&1
say install bootswarm service install node
systemd-sysusers; systemd-tmpfiles --create; systemctl daemon-reload
chown bootswarm /etc/bootswarm/hv1.key
say start systemctl start bootswarm-node
say status systemctl show -p ActiveState -p StatusText -p NotifyAccess bootswarm-node
say sockets stat -c '%U %G %a %n' /run/bootswarm /run/bootswarm/node.sock /var/lib/bootswarm/node
say export setpriv --reuid=bootswarm --regid=kvm --clear-groups touch /srv/guests/disk.img
say doctor bootswarm doctor -o json
systemctl kill -s KILL bootswarm-node
for i in $(seq 60); do sleep 1; [ "$(systemctl show -p NRestarts --value bootswarm-node)" = 1 ] && systemctl is-active -q bootswarm-node && break; done
say restarted systemctl is-active bootswarm-node
say stop systemctl stop bootswarm-node
say left ls -d /run/bootswarm
say journal journalctl -u bootswarm-node --no-pager -o cat
systemctl poweroff --force
`

const UNIT = `[Unit]
DefaultDependencies=no
[Service]
Type=oneshot
ExecStart=/bin/bash /script
TimeoutStartSec=200
SuccessAction=poweroff-force
FailureAction=poweroff-force
`
const TARGET = `[Unit]
Requires=dbus.service sysinit.target script.service
After=sysinit.target
AllowIsolate=yes
`

/** A file system over that of this machine, in memory. */
class Guest {
  readonly root: string
  readonly #dir: string

  private constructor(dir: string) {
    this.#dir = dir
    this.root = join(dir, 'root')
  }

  static async make(): Promise<Guest | string> {
    const lack = process.getuid?.() === 0 ? missingPrograms('systemd-nspawn', 'mount') : 'only root may mount'
    if (lack !== undefined) return lack
    const guest = new Guest(await mkdtemp(join(tmpdir(), 'bs-guest-')))
    const reason = await guest.#mount()
    if (reason === undefined) return guest
    await guest.remove()
    return `this machine runs no containers: ${reason.slice(0, 120)}`
  }

  async #mount(): Promise<string | undefined> {
    const at = (name: string) => join(this.#dir, name)
    const parts = ['upper', 'work', 'root'].map(at)
    const layers = `lowerdir=/,upperdir=${at('upper')},workdir=${at('work')}`
    const memory = await runProgram(['mount', '-t', 'tmpfs', 'tmpfs', this.#dir])
    if (memory?.code !== 0) return memory?.stderr
    for (const part of parts) await mkdir(part)
    const overlay = await runProgram(['mount', '-t', 'overlay', 'overlay', '-o', layers, this.root])
    if (overlay?.code !== 0) return overlay?.stderr
    const trial = await this.run('/bin/true')
    return trial?.code === 0 ? undefined : trial?.stderr
  }

  /** A program, or an init with `-b`, in a container with a network of its own and the sources at /opt/bootswarm. */
  async run(...args: readonly string[]) {
    const modules = await realpath('node_modules')
    const binds = [
      `${await realpath('.')}:/opt/bootswarm`,
      ...(modules.startsWith(await realpath('.')) ? [] : [modules]),
    ]
    const options = [
      '--register=no',
      '--keep-unit',
      '--private-network',
      '--console=pipe',
      `--directory=${this.root}`,
    ]
    const mounts = binds.map((path) => `--bind-ro=${path}`)
    const signal = AbortSignal.timeout(BOOT_TIMEOUT_MS)
    return await runProgram(['systemd-nspawn', ...options, ...mounts, ...args], { signal })
  }

  async write(path: string, text: string): Promise<void> {
    await mkdir(join(this.root, path, '..'), { recursive: true })
    await writeFile(join(this.root, path), text)
  }

  async remove(): Promise<void> {
    for (const path of [this.root, this.#dir]) await runProgram(['umount', path])
    await rm(this.#dir, { recursive: true, force: true })
  }
}

const guest = await Guest.make()
const withGuest = testsThatNeed(test, typeof guest === 'string' ? guest : undefined)

withGuest('a node is installed, starts, is shut in, comes back when it is killed, and stops', async () => {
  if (typeof guest === 'string') return
  try {
    const site = await Site.create()
    const own = await site.issue({ kind: 'node', commonName: 'hv1' })
    await guest.write('etc/bootswarm/ca.pem', site.ca.certificatePem)
    await guest.write('etc/bootswarm/hv1.pem', own.certificatePem)
    await guest.write('etc/bootswarm/hv1.key', own.keyPem)
    await chmod(join(guest.root, 'etc/bootswarm/hv1.key'), 0o600)
    await guest.write('etc/bootswarm/node.yaml', YAML)
    await guest.write('etc/systemd/system/script.service', UNIT)
    await guest.write('etc/systemd/system/script.target', TARGET)
    await guest.write('script', SCRIPT)
    await mkdir(join(guest.root, 'said'))
    await mkdir(join(guest.root, 'srv/guests'), { recursive: true })
    const end = await guest.run('-b', 'systemd.unit=script.target')
    const said = (name: string) =>
      readFile(join(guest.root, 'said', name), 'utf8').catch(() => `${name}: ${end?.stdout}${end?.stderr}`)
    assert.match(await said('install'), /^written +\/etc\/systemd\/system\/bootswarm-node\.service$/m)
    assert.is(await said('start'), 'exit 0\n')
    assert.match(await said('status'), /^ActiveState=active$/m)
    assert.match(await said('status'), /^StatusText=peer \w+, control socket \/run\/bootswarm\/node\.sock$/m)
    assert.is(
      await said('sockets'),
      'bootswarm kvm 750 /run/bootswarm\nbootswarm kvm 660 /run/bootswarm/node.sock\nbootswarm kvm 700 /var/lib/bootswarm/node\nexit 0\n',
    )
    assert.is(await said('export'), 'exit 0\n')
    const findings = JSON.parse((await said('doctor')).replace(/exit \d\n$/, '')) as {
      check: string
      state: string
    }[]
    const failed = findings.filter(({ state }) => state === 'failure').map(({ check }) => check)
    assert.equal(failed, ['tracker', 'enrolment'], 'there is none in the container')
    assert.is(await said('restarted'), 'active\nexit 0\n')
    assert.is(await said('stop'), 'exit 0\n')
    assert.is(await said('left'), '/run/bootswarm\nexit 0\n')
    assert.not.match(await said('journal'), /could not be told|EPERM|EROFS/)
  } finally {
    await guest.remove()
  }
})

test.run()
