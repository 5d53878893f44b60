import { plainLog } from '../console.ts'
import { howToTalk } from '../how-to-talk.ts'
import { createTestnet } from '../testnet.ts'

export interface UpFlags {
  readonly nodes: number
  readonly seed: number
  readonly dir: string
}

/** Starts a testnet that outlives this process. */
export async function up(flags: UpFlags): Promise<void> {
  const log = plainLog((text) => process.stderr.write(text))
  const testnet = await createTestnet({ ...flags, log })
  testnet.detach()
  process.stdout.write(howToTalk(testnet))
}
