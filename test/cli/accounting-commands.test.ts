import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Tracker } from '../../tracker/tracker.ts'
import { type CliRun, runHere } from '../fixtures/cli.ts'
import { testImage } from '../fixtures/test-image.ts'
import { pushImage, TRACKER_NAME, TrackerSite } from '../fixtures/tracker.ts'

interface Context {
  site: TrackerSite
  tracker: Tracker
  /** Flags of alice and of the admin. */
  as: Record<'alice' | 'admin', string[]>
  audit: string
}
const test = suite<Context>('accounting commands')

test.before(async (context) => {
  context.site = await TrackerSite.create()
  const { site } = context
  context.tracker = await site.start({ more: 'quotas: { bytes: 1GiB }' })
  const flags: Partial<Context['as']> = {}
  for (const name of ['alice', 'admin'] as const) {
    const identity = await site.user(name)
    await writeFile(join(site.dir, `${name}.pem`), identity.certificatePem)
    await writeFile(join(site.dir, `${name}.key`), identity.keyPem, { mode: 0o600 })
    const files = ['certificate', 'key'].flatMap((kind) => [
      `--${kind}`,
      join(site.dir, `${name}.${kind === 'key' ? 'key' : 'pem'}`),
    ])
    const where = ['--tracker', context.tracker.url, '--tracker-name', TRACKER_NAME]
    flags[name] = [...where, ...files, '--ca', join(site.dir, 'ca.pem')]
    if (name !== 'alice') continue
    const client = site.client(context.tracker.url, identity)
    await pushImage(client, testImage({ seed: 'a', blocks: 3 }), { to: 'alice/debian' })
  }
  context.as = flags as Context['as']
  context.audit = join(site.dir, 'data/audit/audit.jsonl')
})
test.after(async ({ site, tracker }) => {
  await tracker?.stop()
  await site?.remove()
})

function json<T>({ code, stdout, stderr }: CliRun): T {
  assert.is(code, 0, stderr)
  return JSON.parse(stdout) as T
}

test('tells the life of an image', async ({ as }) => {
  const run = await runHere(['image', 'history', 'alice/debian', ...as.alice])
  assert.is(run.code, 0, run.stderr)
  assert.match(run.stdout, /ACTION +DETAILS +NAME +BY/)
  assert.match(run.stdout, /uploaded +version=1 size=\d+ .* alice\/debian .*CN=alice/)
  const entries = json<{ action: string }[]>(
    await runHere(['image', 'history', 'alice/debian', ...as.alice, '-o', 'json']),
  )
  assert.equal(
    entries.map(({ action }) => action),
    ['created', 'state', 'uploaded', 'tagged'],
  )
})

test('tells what one owns, and admins what everybody does', async ({ as }) => {
  const own = await runHere(['user', 'usage', ...as.alice])
  assert.is(own.code, 0, own.stderr)
  assert.match(own.stdout, /alice +1 +any +\S+ KiB +1\.0 GiB/)
  const all = json<unknown[]>(await runHere(['user', 'usage', ...as.admin, '-o', 'json']))
  assert.is(all.length, 2)
})

test('asks the tracker for its audit log', async ({ as }) => {
  const run = await runHere(['tracker', 'audit', '--action', 'commit', ...as.admin])
  assert.is(run.code, 0, run.stderr)
  assert.match(run.stdout, /alice +commit\.post .* done/)
  const refused = await runHere(['tracker', 'audit', ...as.alice])
  assert.is(refused.code, 4)
  const lines = json<{ asker: string; result: string }[]>(
    await runHere(['tracker', 'audit', '--result', 'refused', '-o', 'json', ...as.admin]),
  )
  assert.equal(
    lines.map(({ asker, result }) => [asker, result]),
    [['alice', 'refused']],
  )
})

test('reads and filters files without the tracker', async ({ audit }) => {
  const actions = async (...flags: string[]) =>
    json<{ action: string }[]>(await runHere(['tracker', 'audit', audit, ...flags, '-o', 'json'])).map(
      ({ action }) => action,
    )
  const all = await actions()
  assert.is(all[0], 'tracker.started')
  assert.equal(await actions('--limit', '1'), [all.at(-1)])
  assert.equal(await actions('--asker', 'alice', '--action', 'commit'), ['commit.post'])
  assert.equal(await actions('--until', '2020-01-01'), [])
  assert.is((await runHere(['tracker', 'audit', audit, '--since', 'tomorrow'])).code, 2)
  assert.is((await runHere(['tracker', 'audit', audit, '--limit', '0'])).code, 2)
  assert.is((await runHere(['tracker', 'audit', '/nonexistent.jsonl'])).code, 3)
})

test('finds what was changed in a file, and prints what to keep when nothing was', async ({
  audit,
  site,
}) => {
  const good = await runHere(['tracker', 'audit', '--verify', audit])
  assert.is(good.code, 0, good.stderr)
  assert.match(good.stdout, /^\d+ lines, the last is number \d+ with digest [0-9a-f]{64}\n$/)
  const text = await readFile(audit, 'utf8')
  const copy = join(site.dir, 'copy.jsonl')
  await writeFile(copy, text.replace('"asker":"alice"', '"asker":"carol"'))
  const changed = await runHere(['tracker', 'audit', '--verify', copy])
  assert.is(changed.code, 6)
  assert.match(changed.stderr, /copy\.jsonl:\d+ does not follow the line before it/)
  await writeFile(copy, text.split('\n').toSpliced(1, 1).join('\n'))
  assert.is((await runHere(['tracker', 'audit', '--verify', copy])).code, 6)
  await writeFile(copy, text)
  await appendFile(copy, '{"seq":99,"ti')
  assert.is((await runHere(['tracker', 'audit', '--verify', copy])).code, 0, 'a line that is being written')
  assert.is((await runHere(['tracker', 'audit', '--verify'])).code, 2)
})

test.run()
