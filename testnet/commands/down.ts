import { openTestnet } from '../testnet.ts'

/** Stops the testnet in a directory and removes its files. Errors: NotFoundError when there is none. */
export async function down(flags: { readonly dir: string }): Promise<void> {
  const testnet = await openTestnet(flags.dir)
  await testnet.destroy()
  process.stderr.write(
    `testnet: ended 1 tracker and ${testnet.nodes.length} nodes, removed ${testnet.layout.dir}\n`,
  )
}
