import type { TrackerClient } from '../../api/tracker-client.ts'
import { TRACKER_PATHS } from '../../api/tracker-paths.ts'
import { BootswarmError } from '../../core/errors.ts'
import { COMPLETION_TIMEOUT_MS } from '../../core/registry-limits.ts'
import { configFilePath, readConfigFile } from '../config-file.ts'
import { withNode, withTracker } from '../connect.ts'
import type { SettingFlags } from '../settings.ts'
import type { Shell } from '../shell.ts'
import type { Lookup } from './candidates.ts'

type Ask = (client: TrackerClient, signal: AbortSignal) => Promise<string[]>

const AT_TRACKER: Readonly<Record<Exclude<Lookup, 'contexts' | 'disks'>, Ask>> = {
  images: async (client, signal) =>
    (await client.listImages({ signal })).map(({ namespace, name }) => `${namespace}/${name}`),
  users: async ({ repoman }, signal) => namesIn(await repoman.urls(TRACKER_PATHS.users, { signal })),
  groups: async ({ repoman }, signal) => namesIn(await repoman.urls(TRACKER_PATHS.groups, { signal })),
  nodes: async (client, signal) => (await client.nodes({}, { signal })).map(({ name }) => name),
}

function namesIn(urls: readonly string[]): string[] {
  return urls.map((url) => decodeURIComponent(url.slice(url.lastIndexOf('/') + 1)))
}

/** Names that begin with the last of `words`. None when they cannot be had soon: the tracker may be away. */
export async function lookUp(shell: Shell, lookup: Lookup, words: readonly string[]): Promise<string[]> {
  const typed = words.at(-1) ?? ''
  try {
    const names = await namesOf(shell, lookup, words)
    return names.filter((name) => name.startsWith(typed)).sort()
  } catch (error) {
    if (error instanceof BootswarmError) return []
    throw error
  }
}

async function namesOf(shell: Shell, lookup: Lookup, words: readonly string[]): Promise<string[]> {
  if (lookup === 'contexts') {
    const { contexts = {} } = await readConfigFile(configFilePath(shell.terminal.env))
    return Object.keys(contexts)
  }
  const signal = AbortSignal.timeout(COMPLETION_TIMEOUT_MS)
  if (lookup === 'disks') {
    const disks = await withNode(shell, flagsOf(words), (client) => client.disks.list({ signal }))
    return disks.map(({ name }) => name)
  }
  return await withTracker(shell, flagsOf(words), ({ client }) => AT_TRACKER[lookup](client, signal))
}

/** The context that the line names; other settings are rarely typed by hand. */
function flagsOf(words: readonly string[]): SettingFlags {
  const at = words.indexOf('--context')
  const context = at < 0 ? undefined : words[at + 1]
  return context === undefined ? {} : { context }
}
