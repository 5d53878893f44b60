import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { PullResult } from '../../src/api/node-schemas.ts'
import { NotFoundError, StateError } from '../../src/core/errors.ts'
import type { ArenaHost } from '../arena/arena.ts'
import type { NodeHandle, Testnet } from '../handles.ts'
import { createTestnet } from '../testnet.ts'
import { withNode } from '../with-node.ts'
import type { Contestant, Entry, Race } from './contestant.ts'

const IMAGE = 'arena/image'

/** Bootswarm itself: a tracker on the origin, a node on every other host, as it is started at a site. */
export const bootswarm: Contestant = bootswarmWith({
  name: 'bootswarm',
  setting: 'tracker and nodes with their defaults, certificates and grants included',
})

/** The same with keys of the configuration of the tracker and of all nodes in the place of the defaults. */
export function bootswarmWith(init: { name: string; setting: string; config?: object }): Contestant {
  return {
    name: init.name,
    setting: init.setting,
    arenas: ['namespaces', 'loopback'],
    probe: async () => ({ version: await ownVersion() }),
    prepare: (race) => prepare(race, init.config),
  }
}

async function prepare(race: Race, config: object = {}): Promise<Entry> {
  const { origin, receivers, file, previous, dir } = race
  const testnet = await createTestnet({
    nodes: receivers.length,
    dir: join(dir, 't'),
    places: { tracker: origin, nodes: receivers },
    config: { tracker: config, nodes: Object.fromEntries(receivers.map((_, i) => [i, config])) },
  })
  try {
    if (previous !== undefined) {
      await pushImage(testnet, previous, `${IMAGE}:previous`)
      await Promise.all(testnet.nodes.map((node) => pull(node, `${IMAGE}:previous`)))
    }
    await pushImage(testnet, file, `${IMAGE}:latest`)
  } catch (error) {
    await testnet.destroy()
    throw error
  }
  return new BootswarmEntry(testnet, receivers)
}

class BootswarmEntry implements Entry {
  readonly #testnet: Testnet
  readonly #receivers: readonly ArenaHost[]
  #duplicateBytes = 0

  constructor(testnet: Testnet, receivers: readonly ArenaHost[]) {
    this.#testnet = testnet
    this.#receivers = receivers
  }

  async fetch(host: ArenaHost): Promise<void> {
    const { bytes } = await pull(this.#nodeOn(host), `${IMAGE}:latest`)
    this.#duplicateBytes += bytes.duplicate
  }

  async output(host: ArenaHost): Promise<string> {
    const node = this.#nodeOn(host)
    const path = join(node.exports, 'image')
    await withNode(node, (client) => client.export({ reference: `${IMAGE}:latest`, path }))
    return path
  }

  async duplicateBytes(): Promise<number> {
    return this.#duplicateBytes
  }

  close(): Promise<void> {
    return this.#testnet.destroy()
  }

  #nodeOn(host: ArenaHost): NodeHandle {
    const node = this.#testnet.nodes[this.#receivers.findIndex(({ name }) => name === host.name)]
    if (node === undefined) throw new NotFoundError(`no node runs on ${host.name}`)
    return node
  }
}

function pull(node: NodeHandle, reference: string): Promise<PullResult> {
  return withNode(node, (client) => client.pull(reference))
}

/** Pushes with the real command line. Throws StateError with what it says. */
export async function pushImage(testnet: Testnet, file: string, reference: string): Promise<void> {
  const done = await testnet.cli(['image', 'push', file, reference])
  if (done.code !== 0) {
    throw new StateError(
      `push of ${reference} failed (exit ${done.code}): ${done.stderr.trim().slice(-2000)}`,
    )
  }
}

async function ownVersion(): Promise<string> {
  const path = fileURLToPath(new URL('../../package.json', import.meta.url))
  return String((JSON.parse(await readFile(path, 'utf8')) as { version: unknown }).version)
}
