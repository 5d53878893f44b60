import type { Command } from 'commander'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { buildProgram as buildDaemons } from '../../src/cli/daemon-program.ts'
import { buildProgram } from '../../src/cli/program.ts'
import { testShell } from '../fixtures/cli.ts'

const test = suite('daemon program')
type Build = (shell: ReturnType<typeof testShell>) => Command

/** What one says to a command line: its output and its errors. */
async function said(build: Build, args: readonly string[]): Promise<string[]> {
  const shell = testShell()
  await build(shell)
    .parseAsync([...args], { from: 'user' })
    .catch(() => {})
  return [shell.terminal.stdout.text, shell.terminal.stderr.text]
}

test('daemons are started, explained and refused as by the whole command tree', async () => {
  for (const noun of ['node', 'tracker'])
    for (const rest of [['--help'], [], ['--confg', 'x'], ['--config', 'x', 'more']]) {
      const args = [noun, 'serve', ...rest]
      const whole = await said(buildProgram, args)
      assert.ok(whole.join('') !== '' || rest.length === 0, args.join(' '))
      assert.equal(await said(buildDaemons, args), whole)
    }
})

test('it has no other command', () => {
  const { commands } = buildDaemons(testShell())
  const names = commands.flatMap((noun) => noun.commands.map((verb) => `${noun.name()} ${verb.name()}`))
  assert.equal(names, ['node serve', 'tracker serve'])
})

test.run()
