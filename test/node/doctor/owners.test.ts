import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { parseNodeConfig } from '../../../node/config.ts'
import { checkOwners } from '../../../node/doctor/owners.ts'
import { serviceFiles } from '../../../src/cli/service/service-files.ts'
import { systemClock } from '../../../src/core/clock.ts'
import { withScratch } from '../../fixtures/scratch.ts'

const test = suite('doctor: owners')

/** What is found where the user of the service has this number; `passwd` false: where there is no such user. */
async function owners(dir: string, init: { uid: number; passwd?: boolean; unit?: boolean }) {
  const text =
    'dataDir: .\ntracker: { url: "https://t:1" }\nidentity: { certificate: c, key: k.key, ca: ca }\n'
  const config = parseNodeConfig(text, { path: join(dir, 'node.yaml') })
  const places = { dataDir: '/var/lib/bootswarm/node', writable: [] }
  const installed = { runtime: '/usr/bin/node', launcher: '/opt/bootswarm/scripts/bootswarm.js' }
  const [unit] = serviceFiles({ program: 'node', config: '/etc/bootswarm/node.yaml', places, ...installed })
  const files: [string, string][] = [['k.key', '']]
  if (init.passwd !== false)
    files.push(['etc/passwd', `root:x:0:0::/:/bin/sh\nbootswarm:x:${init.uid}:9::/:/bin/false\n`])
  if (init.unit !== false) files.push([unit?.path ?? '', unit?.text ?? ''])
  for (const [path, content] of files) {
    await mkdir(dirname(join(dir, path)), { recursive: true })
    await writeFile(join(dir, path), content)
  }
  const signal = new AbortController().signal
  return await checkOwners({ config, clock: systemClock, signal, status: Promise.resolve(undefined) }, dir)
}

const own = process.getuid?.() ?? 0

test('key and data are those of the user of the service', () =>
  withScratch(async (dir) => {
    assert.equal(await owners(dir, { uid: own }), [
      { check: 'owners', state: 'ok', found: 'key and data are those of bootswarm' },
    ])
  }))

test('what belongs to somebody else fails, with the command that mends it', () =>
  withScratch(async (dir) => {
    const findings = await owners(dir, { uid: own + 1 })
    assert.equal(
      findings.map(({ state, advice }) => [state, advice]),
      [
        ['failure', `chown bootswarm ${join(dir, 'k.key')}`],
        ['failure', `chown -R bootswarm ${dir}`],
      ],
    )
  }))

test('a user that is not there fails, and nothing is said without a unit', () =>
  withScratch(async (dir) => {
    assert.is((await owners(dir, { uid: own, unit: false }))[0]?.state, 'ok')
    const [finding] = await owners(join(dir, 'other'), { uid: own, passwd: false })
    assert.match(finding?.found ?? '', 'there is no user bootswarm')
  }))

test.run()
