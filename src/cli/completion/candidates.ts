import type { Argument, Command, Option } from 'commander'

/** A word that may stand where the cursor is. */
export interface Candidate {
  readonly word: string
  readonly meaning: string
}

/** Names that only the tracker, the node or a file can tell. */
export type Lookup = 'images' | 'contexts' | 'users' | 'groups' | 'nodes' | 'disks'

/** What may stand at the cursor: known words, names to be looked up, and whether it may be a file. */
export interface Wanted {
  readonly candidates: readonly Candidate[]
  readonly lookup: Lookup | undefined
  readonly files: boolean
}

/** Names of arguments and options whose values are looked up. */
const LOOKUPS: Readonly<Record<string, Lookup>> = {
  image: 'images',
  context: 'contexts',
  user: 'users',
  users: 'users',
  group: 'groups',
  node: 'nodes',
  disk: 'disks',
}

const NOTHING: Wanted = { candidates: [], lookup: undefined, files: false }

/**
 * What may come at the end of a command line.
 * @param words after the program's name; the last is what is typed so far, perhaps nothing
 */
export function wantedAt(program: Command, words: readonly string[]): Wanted {
  const place = placeOf(program, words.slice(0, -1))
  const typed = words.at(-1) ?? ''
  return startingWith(typed, wanted(place, typed))
}

interface Place {
  readonly command: Command
  /** Arguments that were given to the command. */
  readonly given: number
  /** An option that waits for its value. */
  readonly open: Option | undefined
  /** After `--` nothing is an option. */
  readonly closed: boolean
}

/** Walks through the words before the cursor. */
function placeOf(program: Command, words: readonly string[]): Place {
  let place: Place = { command: program, given: 0, open: undefined, closed: false }
  for (const word of words) place = after(place, word)
  return place
}

function after(place: Place, word: string): Place {
  if (place.open !== undefined) return { ...place, open: undefined }
  if (!place.closed && word === '--') return { ...place, closed: true }
  if (!place.closed && word.startsWith('-') && word !== '-') {
    const option = optionsOf(place.command).find((one) => one.long === word || one.short === word)
    const takes = option !== undefined && (option.required || option.optional)
    return takes ? { ...place, open: option } : place
  }
  const next = place.given === 0 ? commandNamed(place.command, word) : undefined
  if (next !== undefined) return { command: next, given: 0, open: undefined, closed: false }
  return { ...place, given: place.given + 1 }
}

function wanted({ command, given, open, closed }: Place, typed: string): Wanted {
  if (open !== undefined) return valueAfter(open)
  if (!closed && typed.startsWith('-')) return { ...NOTHING, candidates: optionsOf(command).map(ofOption) }
  const commands = given === 0 ? visible(command).map(ofCommand) : []
  if (commands.length > 0) return { ...NOTHING, candidates: commands }
  return argumentOf(command, given)
}

function valueAfter(option: Option): Wanted {
  const name = option.attributeName()
  return valueNamed(LOOKUPS[name] === undefined ? (nameIn(option.flags) ?? '') : name, option.argChoices)
}

function argumentOf(command: Command, given: number): Wanted {
  const { registeredArguments } = command
  const last: Argument | undefined = registeredArguments.at(-1)
  const argument = registeredArguments[given] ?? (last?.variadic === true ? last : undefined)
  return argument === undefined ? NOTHING : valueNamed(argument.name(), argument.argChoices)
}

function valueNamed(name: string, choices: readonly string[] | undefined): Wanted {
  if (choices !== undefined) return { ...NOTHING, candidates: choices.map((word) => ({ word, meaning: '' })) }
  const lookup = LOOKUPS[name]
  return { candidates: [], lookup, files: lookup === undefined }
}

/** The name of the value in `--flag <name>`. */
function nameIn(flags: string): string | undefined {
  return /[<[]([a-z-]+)/.exec(flags)?.[1]
}

/** Options of a command and of those above it, `--help` included. */
function optionsOf(command: Command): Option[] {
  const options: Option[] = [...command.createHelp().visibleOptions(command)]
  for (let above = command.parent; above !== null; above = above.parent) options.push(...above.options)
  return options
}

function visible(command: Command): Command[] {
  return command.createHelp().visibleCommands(command)
}

function commandNamed(command: Command, word: string): Command | undefined {
  return command.commands.find((one) => one.name() === word || one.aliases().includes(word))
}

function ofCommand(command: Command): Candidate {
  return { word: command.name(), meaning: command.summary() || command.description() }
}

function ofOption(option: Option): Candidate {
  return { word: option.long ?? option.short ?? '', meaning: option.description }
}

function startingWith(typed: string, { candidates, ...rest }: Wanted): Wanted {
  return { ...rest, candidates: candidates.filter(({ word }) => word.startsWith(typed)) }
}
