import { readdir } from 'node:fs/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { namespacesLack } from '../../testnet/arena/ip.ts'
import { waitForEnd } from '../../testnet/processes.ts'
import { processesNaming } from '../fixtures/leftovers.ts'
import { missingPrograms, testsThatNeed } from '../fixtures/programs.ts'
import { runBootswarm } from '../fixtures/run-bootswarm.ts'
import { withScratch } from '../fixtures/scratch.ts'

const test = suite('comparison that is interrupted')
const asRoot = testsThatNeed(test, namespacesLack() ?? missingPrograms('nginx', 'curl'))

/** Slow enough that nobody has finished when it is interrupted. */
const SLOW = ['--nodes', '2', '--rate', '2mbit', '--size', '4MiB', '--systems', 'nginx', '--loopback']

async function namespacesOf(pid: number): Promise<string[]> {
  const names = await readdir('/run/netns').catch(() => [])
  return names.filter((name) => name.startsWith(`bsa-${pid}-`))
}

asRoot('leaves no process, no namespace and no file behind', async () => {
  for (const args of [SLOW, SLOW.filter((arg) => arg !== '--loopback')]) {
    await withScratch(async (dir) => {
      const running = runBootswarm(['testnet', 'compare', ...args], { TMPDIR: dir })
      const pid = running.child.pid ?? 0
      await running.said('comparing')
      while (processesNaming(dir).length === 0) assert.not(await waitForEnd({ pid }, 50), 'it ended')
      running.child.kill('SIGINT')
      assert.is((await running.finished).code, 130)
      assert.equal(processesNaming(dir), [])
      assert.equal(await namespacesOf(pid), [])
      assert.equal(await readdir(dir), [])
    })
  }
})

test.run()
