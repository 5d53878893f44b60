import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { SCRIPTS, type ShellName } from '../../../src/cli/completion/scripts.ts'
import { LAUNCHER } from '../../fixtures/cli.ts'
import { missingPrograms, testsThatNeed } from '../../fixtures/programs.ts'
import { withScratch } from '../../fixtures/scratch.ts'

const test = suite('completion in shells')

interface Place {
  readonly dir: string
  readonly env: Record<string, string>
}

/** A folder with `bootswarm` on the PATH, a context `site`, and a file to be completed. */
function place(dir: string): Place {
  const program = join(dir, 'bin/bootswarm')
  mkdirSync(join(dir, 'bin'))
  mkdirSync(join(dir, 'bootswarm'))
  writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' '${LAUNCHER}' "$@"\n`)
  chmodSync(program, 0o755)
  writeFileSync(join(dir, 'bootswarm/config.yaml'), 'contexts: { site: { node: { socket: /s } } }\n')
  writeFileSync(join(dir, 'disk one.img'), '')
  const path = `${join(dir, 'bin')}:${process.env['PATH'] ?? ''}`
  return { dir, env: { PATH: path, HOME: dir, XDG_CONFIG_HOME: dir, TERM: 'dumb' } }
}

/** What the shell offers for a line, sorted. */
const ASKING: Record<ShellName, (line: string) => string> = {
  bash: (line) => `${SCRIPTS.bash}
COMP_LINE=${quoted(line)} COMP_POINT=${line.length} COMP_WORDBREAKS=$' \\t\\n"><=;|&(:'
_bootswarm; printf '%s\\n' "\${COMPREPLY[@]}"`,
  fish: (line) => `${SCRIPTS.fish}\ncomplete -C ${quoted(line)} | string replace -r '\\t.*' ''`,
  // Without a terminal there is no completion system: the functions that it calls write down what they are given.
  zsh: (line) => `compdef() { : }
_describe() { print -rl -- \${\${(@)found}%%:*} }
_files() { print -rl -- *(N) }
${SCRIPTS.zsh}
words=(${line.split(' ').map(quoted).join(' ')}) CURRENT=\${#words}
_bootswarm`,
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}

function offered(shell: ShellName, { dir, env }: Place, line: string): string[] {
  const text = execFileSync(shell, ['-c', `${ASKING[shell](line)}\ntrue`], {
    cwd: dir,
    env,
    encoding: 'utf8',
  })
  return text
    .split('\n')
    .filter((word) => word !== '')
    .sort()
}

for (const shell of ['bash', 'zsh', 'fish'] as const) {
  const run = testsThatNeed(test, missingPrograms(shell))
  run(`${shell} completes commands, options, contexts and files`, () =>
    withScratch(async (dir) => {
      const here = place(dir)
      assert.equal(offered(shell, here, 'bootswarm image pu'), ['pull', 'push'])
      assert.equal(offered(shell, here, 'bootswarm image ls --form'), ['--format'])
      assert.equal(offered(shell, here, 'bootswarm image ls --context s'), ['site'])
      assert.ok(offered(shell, here, 'bootswarm image push disk').some((word) => word.includes('disk')))
    }),
  )
}

test.run()
