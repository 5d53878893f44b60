import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Tracker } from '../../tracker/tracker.ts'
import { runHere } from '../fixtures/cli.ts'
import { TRACKER_NAME, TrackerSite } from '../fixtures/tracker.ts'

const test = suite<{ site: TrackerSite; tracker: Tracker }>('administration of nodes')
let flags: string[] = []

test.before(async (context) => {
  context.site = await TrackerSite.create()
  const { site } = context
  context.tracker = await site.start({ more: 'nodes: { enrolment: approve }\n' })
  const { certificatePem, keyPem } = await site.user('admin')
  await writeFile(join(site.dir, 'admin.pem'), certificatePem)
  await writeFile(join(site.dir, 'admin.key'), keyPem, { mode: 0o600 })
  const at = (name: string) => join(site.dir, name)
  flags = ['--tracker', context.tracker.url, '--tracker-name', TRACKER_NAME]
  flags.push('--certificate', at('admin.pem'), '--key', at('admin.key'), '--ca', at('ca.pem'))
})
test.after(async ({ site, tracker }) => {
  await tracker?.stop()
  await site?.remove()
})

const run = (...argv: string[]) => runHere([...argv, ...flags])

async function ok(...argv: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(...argv)
  assert.is(code, 0, stderr)
  return stdout
}

const enrol = ({ site, tracker }: { site: TrackerSite; tracker: Tracker }, name: string) =>
  site.node(tracker.url, name).catch(() => undefined)

test('nodes wait, are approved together, and are listed', async (context) => {
  for (const name of ['hv1', 'hv2', 'hv3']) assert.is(await enrol(context, name), undefined)
  assert.is(await ok('node', 'ls', '--state', 'pending', '-o', 'name'), 'hv1\nhv2\nhv3\n')
  await ok('node', 'approve', 'hv1', 'hv2')
  assert.is(await ok('node', 'ls', '--state', 'active', '-o', 'name'), 'hv1\nhv2\n')
  assert.match(await ok('node', 'ls'), /hv3 +pending .*never .*\/O=Example\/OU=nodes\/CN=hv3/)
})

test('labels are set as a whole', async () => {
  await ok('node', 'label', 'hv1', 'site=north', 'rack=17')
  const [first] = JSON.parse(await ok('node', 'ls', '-o', 'json'))
  assert.equal(first.labels, { site: 'north', rack: '17' })
  await ok('node', 'label', 'hv1')
  const [again] = JSON.parse(await ok('node', 'ls', '-o', 'json'))
  assert.equal(again.labels, {})
  for (const wrong of ['rack', '=17', 'rack=']) assert.is((await run('node', 'label', 'hv1', wrong)).code, 2)
})

test('a node is revoked and stays so; another is removed when somebody says yes', async () => {
  await ok('node', 'revoke', 'hv2')
  assert.is(await ok('node', 'ls', '--state', 'revoked', '-o', 'name'), 'hv2\n')
  const asked = await run('node', 'rm', 'hv2')
  assert.is(asked.code, 2)
  assert.match(asked.stderr, /--yes/)
  const kept = await run('node', 'rm', 'hv2', '--yes')
  assert.is(kept.code, 1)
  assert.match(kept.stderr, /revoked, and forgotten it could enrol again/)
  await ok('node', 'approve', 'hv2')
  await ok('node', 'rm', 'hv2', '--yes')
  assert.is((await run('node', 'rm', 'hv2', '--yes')).code, 3)
  assert.is((await run('node', 'approve', 'nobody')).code, 3)
})

test('enrolling says what became of it', async () => {
  const { code, stdout } = await runHere(['node', 'enroll', '--config', 'node.yaml'])
  assert.is(code, 0)
  assert.match(stdout, /node-1, active/)
})

test.run()
