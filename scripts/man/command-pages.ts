import type { Command } from 'commander'
import { exitCodesText } from '../../src/cli/help.ts'
import { buildProgram } from '../../src/cli/program.ts'
import type { Programs, Shell } from '../../src/cli/shell.ts'
import { systemClock } from '../../src/core/clock.ts'
import { InternalError } from '../../src/core/errors.ts'
import { bold, escaped, head, italic, lines, literal, section, tagged } from './roff.ts'

/** A manual page. */
export interface Page {
  /** File name, such as `bootswarm-image-push.1`. */
  readonly file: string
  readonly text: string
}

/** A page for every command of the tree that help shows. */
export function commandPages(init: { version: string }): Page[] {
  const help = { text: '' }
  const program = buildProgram(shellWriting((text) => (help.text += text)))
  const pages: Page[] = []
  const add = (command: Command, path: readonly string[]) => {
    help.text = ''
    command.outputHelp()
    const examples = help.text.split('\nExamples:\n')[1]
    pages.push(pageOf(command, { path, examples, ...init }))
    for (const child of childrenOf(command)) add(child, [...path, child.name()])
  }
  add(program, [program.name()])
  return pages
}

interface PageInit {
  readonly path: readonly string[]
  readonly examples: string | undefined
  readonly version: string
}

function pageOf(command: Command, { path, examples, version }: PageInit): Page {
  const name = path.join('-')
  const summary = command.description().replace(/\.$/, '')
  const parts = [
    head({ name, chapter: 1, version }),
    section('name', `${escaped(name)} \\- ${escaped(summary)}\n`),
    section('synopsis', `${bold(path.join(' '))} ${italic(usageOf(command))}\n`),
    section('description', `${lines(sentence(command.description()))}${aliasesOf(command)}`),
    section('commands', commandsOf(command, path)),
    section('arguments', argumentsOf(command)),
    ...optionGroups(command),
    section('examples', examples === undefined ? '' : literal(examples.trimEnd().replace(/^ {2}/gm, ''))),
    section('exit status', path.length === 1 ? literal(exitCodesText().trimEnd()) : seeExitCodes()),
    section('see also', seeAlso(path)),
  ]
  return { file: `${name}.1`, text: parts.join('') }
}

function usageOf(command: Command): string {
  const helper = command.createHelp()
  const own = helper.commandUsage(command)
  return own.slice(own.indexOf(command.name()) + command.name().length).trim() || '[options]'
}

function aliasesOf(command: Command): string {
  const aliases = command.aliases()
  return aliases.length === 0 ? '' : `.PP\nAlso called ${aliases.map(bold).join(', ')}.\n`
}

function commandsOf(command: Command, path: readonly string[]): string {
  const helper = command.createHelp()
  return childrenOf(command)
    .map((child) =>
      tagged(`${bold([...path, child.name()].join('-'))}(1)`, helper.subcommandDescription(child)),
    )
    .join('')
}

/** Those that help shows, without the one for help that every command has. */
function childrenOf(command: Command): Command[] {
  const children = command.createHelp().visibleCommands(command)
  return children.filter((child) => command.commands.includes(child))
}

function argumentsOf(command: Command): string {
  const helper = command.createHelp()
  return helper
    .visibleArguments(command)
    .map((argument) => tagged(italic(helper.argumentTerm(argument)), helper.argumentDescription(argument)))
    .join('')
}

/** The options of a command under the headings that its help has, those of every command last. */
function optionGroups(command: Command): string[] {
  const helper = command.createHelp()
  helper.showGlobalOptions = true
  const groups = new Map<string, string>()
  const add = (title: string, options: ReturnType<typeof helper.visibleOptions>) => {
    for (const option of options) {
      const term = tagged(bold(helper.optionTerm(option)), helper.optionDescription(option))
      groups.set(title, `${groups.get(title) ?? ''}${term}`)
    }
  }
  for (const option of helper.visibleOptions(command)) {
    const heading = option.helpGroupHeading?.replace(/:$/, '')
    add(heading ?? 'options', [option])
  }
  add('global options', helper.visibleGlobalOptions(command))
  return [...groups].map(([title, body]) => section(title, body))
}

function seeExitCodes(): string {
  return `${bold('0')} is success; ${bold('bootswarm')}(1) lists the others.\n`
}

function seeAlso(path: readonly string[]): string {
  const parents = path.slice(0, -1).map((_, at) => `${bold(path.slice(0, at + 1).join('-'))}(1)`)
  const files = ['bootswarm-node.yaml', 'bootswarm-tracker.yaml'].map((name) => `${bold(name)}(5)`)
  return `${[...parents.reverse(), ...files].join(', ')}\n`
}

function sentence(text: string): string {
  const first = text.charAt(0).toUpperCase() + text.slice(1)
  return /[.!?]$/.test(first) ? first : `${first}.`
}

/** A shell that nothing is run in: only help is asked for. */
function shellWriting(write: (text: string) => void): Shell {
  const sink = { write, columns: 100 }
  const never = () => {
    throw new InternalError('no command runs where manual pages are made')
  }
  const programs: Programs = {
    ...{ initTracker: never, serveTracker: never, serveNode: never, enrolNode: never },
    ...{ examineNode: never, servicePlaces: never, runTestnet: never },
  }
  const terminal = { stdout: sink, stderr: sink, env: {}, canAsk: false }
  return { terminal, programs, clock: systemClock, exitCode: 0 }
}
