import { readFile, rename, writeFile } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { NotFoundError, StateError } from '../src/core/errors.ts'
import { layoutOf } from './layout.ts'
import type { ProcessRef } from './processes.ts'

/** What one daemon is, as the state file keeps it. */
export interface DaemonState {
  readonly name: string
  readonly process: ProcessRef
  readonly peer: string
}

/** A running testnet, as one command leaves it to the next. Directories follow from `layoutOf`. */
export interface TestnetState {
  readonly format: 'bootswarm/testnet/1'
  readonly seed: number
  readonly trackerUrl: string
  readonly tracker: DaemonState
  readonly nodes: readonly DaemonState[]
}

/** Where `testnet up` puts a testnet when nothing else is said: one for each user of the machine. */
export function defaultTestnetDir(): string {
  return join(process.env['XDG_RUNTIME_DIR'] ?? tmpdir(), `bootswarm-testnet-${userInfo().uid}`)
}

export async function saveState(dir: string, state: TestnetState): Promise<void> {
  const path = layoutOf(dir).state
  await writeFile(`${path}.new`, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 })
  await rename(`${path}.new`, path)
}

/** Throws NotFoundError when there is no testnet in `dir`, StateError when its state cannot be read. */
export async function loadState(dir: string): Promise<TestnetState> {
  let text: string
  try {
    text = await readFile(layoutOf(dir).state, 'utf8')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause
    throw new NotFoundError(`no testnet in ${dir}: start one with "bootswarm testnet up"`)
  }
  try {
    const state = JSON.parse(text) as TestnetState
    if (state.format === 'bootswarm/testnet/1') return state
  } catch {
    // said below
  }
  throw new StateError(`${layoutOf(dir).state} is not the state of a testnet of this version`)
}
