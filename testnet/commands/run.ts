import { randomInt } from 'node:crypto'
import { ERROR_TABLE, NotFoundError, UsageError } from '../../src/core/errors.ts'
import type { Log } from '../../src/core/log.ts'
import { plainLog } from '../console.ts'
import type { Testnet } from '../handles.ts'
import { howToTalk } from '../how-to-talk.ts'
import { checkE2fsprogs } from '../images/ext4.ts'
import { allVerified, massBoot, massBootImages } from '../scenarios/mass-boot.ts'
import { defaultTestnetDir } from '../state.ts'
import { createTestnet, openTestnet } from '../testnet.ts'

const NODES_DEFAULT = 8
const SCENARIOS = ['mass-boot']

export interface RunFlags {
  readonly nodes?: number
  readonly image?: string
  readonly size: number
  readonly seed?: number
  readonly dir?: string
  readonly keep?: boolean
  readonly json?: boolean
}

/** Runs a scenario; returns the exit code: 6 when a node's result is not the source. */
export async function run(scenario: string, flags: RunFlags): Promise<number> {
  if (!SCENARIOS.includes(scenario)) {
    throw new UsageError(`there is no scenario "${scenario}"; there is: ${SCENARIOS.join(', ')}`)
  }
  if (flags.image === undefined) await checkE2fsprogs()
  const log = plainLog((text) => process.stderr.write(text))
  const found = await findTestnet(flags)
  const seed = flags.seed ?? (found === undefined ? 1 : randomInt(2, 1e9))
  const testnet = found ?? (await makeTestnet(flags, { seed, log }))
  try {
    const code = await runMassBoot(testnet, flags, { seed, log })
    if (flags.keep === true || found !== undefined) process.stderr.write(howToTalk(testnet))
    if (flags.keep === true) testnet.detach()
    return code
  } finally {
    if (flags.keep !== true && found === undefined) await testnet.destroy()
  }
}

async function runMassBoot(
  testnet: Testnet,
  flags: RunFlags,
  init: { seed: number; log: Log },
): Promise<number> {
  const out = flags.json === true ? process.stderr : process.stdout
  const { size: sizeBytes, image } = flags
  const images = await massBootImages({
    testnet,
    sizeBytes,
    ...init,
    ...(image === undefined ? {} : { image }),
  })
  const print = (text: string) => out.write(`\n${text}`)
  const result = await massBoot({ testnet, images, ...init, print })
  if (flags.json === true) process.stdout.write(`${JSON.stringify(result)}\n`)
  return allVerified(result) ? 0 : ERROR_TABLE.E_INTEGRITY.exit
}

/** The testnet that runs already, if it has as many nodes as are wanted. */
async function findTestnet(flags: RunFlags): Promise<Testnet | undefined> {
  try {
    const testnet = await openTestnet(flags.dir ?? defaultTestnetDir())
    const fits = flags.nodes === undefined || flags.nodes === testnet.nodes.length
    return fits && testnet.tracker.alive() && testnet.nodes.every((node) => node.alive())
      ? testnet
      : undefined
  } catch (error) {
    if (error instanceof NotFoundError) return undefined
    throw error
  }
}

function makeTestnet(flags: RunFlags, init: { seed: number; log: Log }): Promise<Testnet> {
  const dir = flags.dir ?? (flags.keep === true ? defaultTestnetDir() : undefined)
  return createTestnet({
    nodes: flags.nodes ?? NODES_DEFAULT,
    ...init,
    ...(dir === undefined ? {} : { dir }),
  })
}
