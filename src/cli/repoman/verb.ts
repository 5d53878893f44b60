import { Command, Option } from 'commander'
import type { RepomanClient, RepomanImageKey } from '../../api/repoman-client.ts'
import { type TrackerSession, withTracker } from '../connect.ts'
import { addSettingOptions, type SettingFlags, TRACKER_KEYS } from '../settings.ts'
import { interruptible, type Shell } from '../shell.ts'
import { printable } from '../units.ts'

/** Flags that every verb has: Repoman's own, and those of this program. */
export type VerbFlags = SettingFlags & { proxy?: string; owner?: string }

/** What a verb works with. */
export interface VerbCall {
  readonly shell: Shell
  readonly repoman: RepomanClient
  readonly session: TrackerSession
  readonly signal: AbortSignal
}

/** Makes a verb of Repoman with its alias. `--help` alone is help, because `-h` was the hypervisor there. */
export function verb(
  parent: Command,
  names: readonly [name: string, alias?: string],
  meaning: string,
): Command {
  const [name, alias] = names
  const command = new Command(name).description(meaning).helpOption('--help', 'explain this verb')
  if (alias !== undefined) command.alias(alias)
  command.addOption(new Option('-P, --proxy <file>', 'proxy certificate to come with'))
  addSettingOptions(command, TRACKER_KEYS)
  parent.addCommand(command)
  return command
}

/** Connects, runs the verb, and disconnects. */
export async function withRepoman<T>(
  shell: Shell,
  { proxy, ...flags }: VerbFlags,
  use: (call: VerbCall) => Promise<T>,
): Promise<T> {
  const identity = proxy === undefined ? {} : { certificate: proxy, key: proxy }
  return await interruptible('run it again', (signal) =>
    withTracker(shell, { ...flags, ...identity }, (session) =>
      use({ shell, session, signal, repoman: session.client.repoman }),
    ),
  )
}

/** Does one step and says how it ended, in the words that scripts around Repoman look for. Failures are passed on. */
export async function step(
  shell: Shell,
  words: { done: string; failed: string },
  work: Promise<void>,
): Promise<void> {
  try {
    await work
  } catch (error) {
    shell.terminal.stderr.write(`[FAILED] ${printable(words.failed)}\n`)
    throw error
  }
  shell.terminal.stdout.write(`[OK]     ${printable(words.done)}\n`)
}

/** `image`, or `owner/image`, or the owner by its flag. */
export function imageKeyOf(text: string, flags: { owner?: string }): RepomanImageKey {
  const at = text.indexOf('/')
  if (at >= 0) return { owner: text.slice(0, at), image: text.slice(at + 1) }
  return { owner: flags.owner, image: text }
}

/** `a,b` and `a b` alike: Repoman's verbs take one or the other. */
export function listOf(words: string | readonly string[]): string[] {
  const texts = typeof words === 'string' ? [words] : words
  return texts.flatMap((text) => text.split(',')).filter((word) => word !== '')
}

export function ownerOption(): Option {
  return new Option('-o, --owner <user>', 'whose image it is; yours unless given')
}

export function forceOption(): Option {
  return new Option('-f, --force', 'do not ask')
}
