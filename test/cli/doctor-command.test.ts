import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Finding } from '../../src/api/finding.ts'
import { runCli } from '../../src/cli/main.ts'
import { runBootswarm, testShell, testTerminal } from '../fixtures/cli.ts'
import { withScratch } from '../fixtures/scratch.ts'

const test = suite('bootswarm doctor')

const FINE: Finding = { check: 'clock', state: 'ok', found: 'within 2 s of the tracker' }
const DOUBTFUL: Finding = { check: 'qemu', state: 'warning', found: 'not here', advice: 'install it' }
const BAD: Finding = { check: 'data', state: 'failure', found: 'is full\u001b[2J', advice: 'make room' }

async function run(findings: readonly Finding[], ...argv: string[]) {
  const terminal = testTerminal({ XDG_CONFIG_HOME: '/nonexistent' })
  const programs = { ...testShell().programs, examineNode: async () => [...findings] }
  const code = await runCli(['doctor', ...argv], programs, { terminal })
  return { code, stdout: terminal.stdout.text, stderr: terminal.stderr.text }
}

test('ends with 0 unless something failed, and then with 1', async () => {
  assert.is((await run([FINE])).code, 0)
  assert.is((await run([FINE, DOUBTFUL])).code, 0)
  assert.is((await run([FINE, DOUBTFUL, BAD])).code, 1)
})

test('shows what was found and what to do, without what would steer a terminal', async () => {
  assert.is((await run([FINE])).stdout, 'STATE  CHECK  FOUND\nok     clock  within 2 s of the tracker\n')
  const { stdout } = await run([FINE, DOUBTFUL, BAD])
  assert.match(stdout, /^failure {2}data {3}is full/m)
  assert.match(stdout, '\nWhat to do:\n  qemu: install it\n  data: make room\n')
  assert.not.match(stdout, '\u001b')
})

test('gives scripts the findings, or the names of those that failed', async () => {
  assert.equal(JSON.parse((await run([FINE, BAD], '-o', 'json')).stdout), [FINE, BAD])
  assert.is((await run([FINE, DOUBTFUL, BAD], '-o', 'name')).stdout, 'data\n')
})

test('finds on a real host that nothing is set up', () =>
  withScratch(async (dir) => {
    const config = join(dir, 'node.yaml')
    await writeFile(
      config,
      `dataDir: data
tracker: { url: "https://127.0.0.1:1" }
identity: { certificate: node.pem, key: node.key, ca: ca.pem }
control: { socket: node.sock }
p2p: { listen: [/ip4/127.0.0.1/tcp/0] }
`,
    )
    const { code, stdout, stderr } = await runBootswarm(['doctor', '--config', config, '-o', 'json'])
    assert.is(code, 1, stderr)
    const failed = (JSON.parse(stdout) as Finding[]).filter(({ state }) => state === 'failure')
    assert.equal(
      failed.map(({ check }) => check),
      ['certificate', 'authorities', 'tracker', 'socket'],
    )
  }))

test.run()
