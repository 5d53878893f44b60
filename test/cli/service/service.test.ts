import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { installFiles } from '../../../src/cli/service/install-files.ts'
import { serviceFiles } from '../../../src/cli/service/service-files.ts'
import { runProgram } from '../../../src/util/run-program.ts'
import { runBootswarm } from '../../fixtures/cli.ts'
import { missingPrograms, testsThatNeed } from '../../fixtures/programs.ts'
import { withScratch } from '../../fixtures/scratch.ts'

const test = suite('bootswarm service')
const withAnalyze = testsThatNeed(test, missingPrograms('systemd-analyze'))
const rootOnly = process.getuid?.() === 0 ? undefined : 'accounts and owners can only be made by root'
const withAccounts = testsThatNeed(
  test,
  rootOnly ?? missingPrograms('systemd-sysusers', 'systemd-tmpfiles', 'getfacl'),
)
const withAppArmor = testsThatNeed(test, missingPrograms('apparmor_parser'))

/** Of 10; what an unprotected service has is 9.6. Network access is most of what is left. */
const EXPOSURE_MAX = 2.5

const PROGRAMS = ['node', 'tracker'] as const

const SOCKETS = { control: '/run/bootswarm/node.sock', disks: '/run/bootswarm/disks' }

function filesOf(program: 'node' | 'tracker', writable: readonly string[] = [], sockets = SOCKETS) {
  const dataDir = `/var/lib/bootswarm/${program}`
  const own = program === 'node' ? { sockets } : { readable: ['/etc/bootswarm/admins.csv'] }
  const places = { dataDir, writable, ...own }
  // Programs that every machine has: what is verified is the unit, and that its programs are there.
  const installed = { runtime: '/usr/bin/env', launcher: '/opt/bootswarm/scripts/bootswarm.js' }
  return serviceFiles({ program, config: `/etc/bootswarm/${program}.yaml`, places, ...installed })
}

/** Writes the files of a service below a new directory. */
function placed(
  program: 'node' | 'tracker',
  use: (root: string, fileOf: (part: string) => string) => Promise<void>,
) {
  return withScratch(async (root) => {
    const files = filesOf(program, ['/srv/images of guests'])
    for (const { path, text } of files) {
      await mkdir(join(root, path, '..'), { recursive: true })
      await writeFile(join(root, path), text)
    }
    await use(root, (part) => join(root, files.find(({ path }) => path.includes(part))?.path ?? ''))
  })
}

for (const program of PROGRAMS) {
  withAnalyze(`systemd finds nothing wrong with the unit of a ${program}`, () =>
    placed(program, async (_root, fileOf) => {
      const end = await runProgram([
        'systemd-analyze',
        'verify',
        '--man=no',
        fileOf(`bootswarm-${program}.service`),
      ])
      assert.equal(end, { code: 0, stdout: '', stderr: '' })
      if (program === 'tracker') return
      const resume = await runProgram(['systemd-analyze', 'verify', '--man=no', fileOf('-resume.service')])
      assert.equal(resume, { code: 0, stdout: '', stderr: '' })
    }),
  )

  withAnalyze(`a ${program} is exposed to little`, () =>
    placed(program, async (_root, fileOf) => {
      const threshold = `--threshold=${EXPOSURE_MAX * 10}`
      const unit = fileOf('.service')
      const end = await runProgram([
        'systemd-analyze',
        'security',
        '--no-pager',
        '--offline=true',
        threshold,
        unit,
      ])
      assert.is(end?.code, 0, `${end?.stdout}${end?.stderr}`)
      assert.match(end?.stdout ?? '', /Overall exposure level for bootswarm-\w+\.service: \d/)
    }),
  )

  withAccounts(`users and directories of a ${program} are made`, () =>
    placed(program, async (root, fileOf) => {
      const guests = join(root, 'srv/images of guests')
      await mkdir(guests, { recursive: true })
      const closed = join(root, `etc/bootswarm/${program === 'node' ? 'node.yaml' : 'admins.csv'}`)
      await mkdir(join(closed, '..'), { recursive: true })
      await writeFile(closed, '', { mode: 0o640 })
      const user = program === 'node' ? 'bootswarm' : 'bootswarm-tracker'
      const made = await runProgram(['systemd-sysusers', `--root=${root}`, fileOf('sysusers')])
      assert.is(made?.code, 0, made?.stderr)
      const passwd = await readFile(join(root, 'etc/passwd'), 'utf8')
      const [, uid] = passwd.match(new RegExp(`^${user}:x:(\\d+):.*:/usr/sbin/nologin$`, 'm')) ?? []
      assert.ok(uid, passwd)
      if (program === 'node') assert.match(await readFile(join(root, 'etc/group'), 'utf8'), /^kvm:/m)
      // Names in ACLs are looked up in the system that runs, whatever the root.
      const lines = (await readFile(fileOf('tmpfiles'), 'utf8')).replaceAll(`user:${user}:`, `user:${uid}:`)
      await writeFile(fileOf('tmpfiles'), lines)
      const end = await runProgram(['systemd-tmpfiles', '--create', `--root=${root}`, fileOf('tmpfiles')])
      assert.is(end?.code, 0, end?.stderr)
      for (const [path, right] of [
        [guests, 'rwx'],
        [closed, 'r--'],
      ] as const) {
        const acl = await runProgram(['getfacl', '--numeric', '--absolute-names', path])
        assert.match(acl?.stdout ?? '', new RegExp(`^user:${uid}:${right}$`, 'm'))
      }
    }),
  )
}

const APPARMOR_PARSER = ['apparmor_parser', '--skip-kernel-load', '--skip-cache', '--debug'] as const

for (const [sockets, disks] of [
  [SOCKETS, '/run/bootswarm/disks/*.sock'],
  [{ control: '/srv/my node/node.sock', disks: '/srv/my node/di[sk]s' }, '/srv/my node/di\\[sk\\]s/*.sock'],
] as const) {
  withAppArmor(`machines may use the sockets in ${sockets.disks} and not that of the node`, () =>
    withScratch(async (root) => {
      const profile = join(root, 'profile')
      const rules = filesOf('node', [], sockets).find(({ path }) => path.includes('apparmor'))
      await writeFile(profile, `profile machine {\n${rules?.text}\n}\n`)
      const end = await runProgram([...APPARMOR_PARSER, profile])
      assert.is(end?.code, 0, end?.stderr)
      const said = `${end?.stdout}${end?.stderr}`
      assert.match(said, `Name:\t(${disks})`)
      assert.match(said, `Name:\t(${sockets.control})`)
    }),
  )
}

test('directories of sockets are made where the configuration has them', () => {
  const control = '/var/run/site/hv/node.sock'
  const [unit, , tmpfiles, rules] = filesOf('node', [], { control, disks: '/srv/sockets' })
  assert.match(unit?.text ?? '', '\nRuntimeDirectory=site/hv\n')
  assert.match(unit?.text ?? '', '\nReadWritePaths=-/srv/sockets\n')
  assert.match(tmpfiles?.text ?? '', '\nd /srv/sockets 0750 bootswarm kvm -\n')
  assert.match(rules?.text ?? '', '\n  audit deny /run/site/hv/node.sock rw,\n')
  const [elsewhere] = filesOf('node', [], { control: '/run/a/node.sock', disks: '/run/b/disks' })
  assert.match(elsewhere?.text ?? '', '\nRuntimeDirectory=a b/disks\n')
  const [none] = filesOf('node', [], { control: '/srv/bs/node.sock', disks: '/srv/bs/disks' })
  assert.not.match(none?.text ?? '', 'RuntimeDirectory')
})

for (const sockets of [
  { control: '/run/node.sock', disks: '/run/disks' },
  { control: '/var/run/node.sock', disks: '/run/bootswarm/disks' },
  { control: '/node.sock', disks: '/run/bootswarm/disks' },
  { control: '/run/bootswarm/node.sock', disks: '/run/libvirt/' },
]) {
  test(`a service that could write to everything beside ${sockets.control} or ${sockets.disks} is refused`, () => {
    assert.throws(
      () => filesOf('node', [], sockets),
      (error: { code?: string; message: string }) =>
        error.code === 'E_CONFIG' && /could harm others/.test(error.message),
    )
  })
}

test('what is to be written elsewhere is writable, and odd names stay one word', () => {
  const [unit, , tmpfiles] = filesOf('node', ['/srv/100% of "it"'])
  assert.match(unit?.text ?? '', `${String.raw`ReadWritePaths="-/srv/100%% of \"it\""`}\n`)
  assert.not.match(unit?.text ?? '', 'ReadWritePaths=-/run')
  assert.match(tmpfiles?.text ?? '', String.raw`a+ "/srv/100%% of \"it\"" - - - - user:bootswarm:rwx`)
})

test('a node comes before other services of its host, a tracker does not', () => {
  const [node] = filesOf('node')
  assert.match(node?.text ?? '', '\nCPUWeight=500\nIOWeight=500\n')
  const [tracker] = filesOf('tracker')
  assert.not.match(tracker?.text ?? '', /^(CPU|IO)Weight=/m)
})

test('an installation that the service could not see is refused', () => {
  const places = { dataDir: join('/home', 'alice'), writable: [] }
  const init = {
    program: 'node',
    runtime: '/usr/bin/node',
    launcher: '/opt/b.js',
    config: '/etc/n.yaml',
  } as const
  assert.throws(() => serviceFiles({ ...init, places }), /does not see what is below \/home/)
})

test('install writes what is missing, leaves what is there, and replaces nothing that others wrote', () =>
  withScratch(async (root) => {
    const files = filesOf('node')
    const states = async () => (await installFiles(files, { root })).map(({ state }) => state)
    assert.equal(new Set(await states()), new Set(['written']))
    assert.equal(new Set(await states()), new Set(['unchanged']))
    const [unit] = files
    await writeFile(join(root, unit?.path ?? ''), '[Unit]\n')
    const refusal = await installFiles(files, { root }).catch((error) => error)
    assert.is(refusal.code, 'E_CONFLICT')
    assert.is(await readFile(join(root, unit?.path ?? ''), 'utf8'), '[Unit]\n')
  }))

test('AppArmor rules go into the file that packages leave empty, beside those of others, and are made anew alone', () =>
  withScratch(async (root) => {
    const rules = filesOf('node').find(({ isShared }) => isShared === true)
    const path = join(root, rules?.path ?? '')
    const install = async (files = filesOf('node')) =>
      (await installFiles(files, { root })).find((file) => file.path === path)?.state
    const text = () => readFile(path, 'utf8')
    await mkdir(join(path, '..'), { recursive: true })
    await writeFile(path, '')
    assert.is(await install(), 'written')
    const ours = await text()
    assert.is(ours, rules?.text)
    await writeFile(path, `/srv/** r,\n${ours}/opt/** r,\n`)
    assert.is(await install(), 'unchanged')
    assert.is(await install(filesOf('node', [], { ...SOCKETS, disks: '/run/bootswarm/other' })), 'written')
    assert.is(await text(), `/srv/** r,\n${ours.replaceAll('/disks/', '/other/')}/opt/** r,\n`)
    await writeFile(path, '/srv/** r,\n')
    await install()
    assert.is(await text(), `/srv/** r,\n${ours}`)
    await writeFile(path, ours.replace(/^# End.*\n/m, '').replaceAll('/disks/', '/before/'))
    await install()
    assert.is(await text(), ours, 'one that was written before our part had an end')
  }))

test('the command takes the places of the configuration, and refuses what a service could not see', () =>
  withScratch(async (root) => {
    const config = join(root, 'node.yaml')
    await writeFile(
      config,
      `dataDir: ${join('/home', 'alice')}\ntracker: { url: "https://t:1" }\nidentity: { certificate: a, key: b, ca: c }\n`,
    )
    const { code, stderr } = await runBootswarm(['service', 'print', 'node', '--config', config])
    assert.is(code, 2)
    assert.match(stderr, 'a service does not see what is below')
    await writeFile(
      config,
      `dataDir: /srv/node\ncontrol: { socket: /run/node.sock }\ntracker: { url: "https://t:1" }\nidentity: { certificate: a, key: b, ca: c }\n`,
    )
    const shared = await runBootswarm(['service', 'print', 'node', '--config', config])
    assert.is(shared.code, 2)
    assert.match(shared.stderr, 'control.socket: /run/node.sock: a service that may write to /run')
    assert.is((await runBootswarm(['service', 'print', 'node', '--config', '/etc/passwd'])).code, 2)
  }))

test.run()
