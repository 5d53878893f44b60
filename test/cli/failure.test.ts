import { CommanderError } from 'commander'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { exitCodeOfFailure, reportFailure } from '../../src/cli/failure.ts'
import { exitCodesText } from '../../src/cli/help.ts'
import { runCli } from '../../src/cli/main.ts'
import { ERROR_TABLE, IntegrityError, NotFoundError, StorageError } from '../../src/core/errors.ts'
import { testShell, testTerminal } from '../fixtures/cli.ts'

const test = suite('failure')

function reported(error: unknown, debug = false): string {
  const terminal = testTerminal()
  reportFailure(terminal, error, { debug })
  assert.is(terminal.stdout.text, '')
  return terminal.stderr.text
}

test('one line says what went wrong and one what to do', () => {
  assert.is(
    reported(new NotFoundError('there is no a/b')),
    'bootswarm: there is no a/b\nSee what there is: bootswarm image ls\n',
  )
})

test('advice that comes with the error is better than that in general', () => {
  const error = new IntegrityError('wrong', { data: { advice: 'Do this.' } })
  assert.is(reported(error), 'bootswarm: wrong\nDo this.\n')
})

test('an error that is not ours is shown as it is and ends with 1', () => {
  const error = Object.assign(new Error('EACCES: permission denied, open x'), { code: 'EACCES' })
  assert.match(reported(error), /^bootswarm: EACCES: permission denied, open x\n/)
  assert.is(exitCodeOfFailure(error), 1)
})

test('debug shows the chain of causes with their data', () => {
  const cause = new StorageError('index failed', { cause: new Error('EIO'), data: { pack: 3 } })
  const text = reported(new IntegrityError('torn', { cause }), true)
  assert.match(text, /caused by: StorageError: index failed/)
  assert.match(text, /data: \{"pack":3\}/)
  assert.match(text, /caused by: Error: EIO/)
})

test('a message from elsewhere cannot write escape sequences', () => {
  assert.not.match(reported(new NotFoundError('\x1b]0;title\x07')), '\x1b')
})

test('wrong usage ends with 2 and help with 0', () => {
  assert.is(exitCodeOfFailure(new CommanderError(1, 'commander.unknownOption', 'x')), 2)
  assert.is(exitCodeOfFailure(new CommanderError(0, 'commander.helpDisplayed', 'x')), 0)
})

test('the page of exit codes has every exit code and error code', () => {
  const text = exitCodesText()
  for (const [code, { exit }] of Object.entries(ERROR_TABLE)) {
    assert.match(text, new RegExp(`^ +${exit}  `, 'm'), `exit ${exit}`)
    assert.match(text, new RegExp(`\\b${code}\\b`), code)
  }
})

test('programs get their configuration and give the exit code', async () => {
  const { programs, terminal } = testShell()
  assert.is(await runCli(['tracker', 'serve', '--config', 't.yaml'], programs, { terminal }), 41)
  assert.is(await runCli(['node', 'serve', '--config', 'n.yaml'], programs, { terminal }), 42)
  assert.is(terminal.stderr.text, '')
})

test('the testnet gets every argument as it is', async () => {
  const seen: string[][] = []
  const runTestnet = async (argv: string[]) => {
    seen.push(argv)
    return 7
  }
  const programs = { ...testShell().programs, runTestnet }
  const argv = ['testnet', 'run', 'mass-boot', '--json', '--help', '--debug']
  assert.is(await runCli(argv, programs, { terminal: testTerminal() }), 7)
  assert.equal(seen, [argv.slice(1)])
})

test.run()
