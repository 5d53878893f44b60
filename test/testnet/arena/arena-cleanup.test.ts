import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { ArenaKind } from '../../../testnet/arena/arena.ts'
import { namespacesLack } from '../../../testnet/arena/ip.ts'
import { sweepArenas } from '../../../testnet/arena/leftovers.ts'
import { isAlive, type ProcessRef, processRef, waitForEnd } from '../../../testnet/processes.ts'
import { testsThatNeed } from '../../fixtures/programs.ts'

const test = suite('arena clean-up')
const asRoot = testsThatNeed(test, namespacesLack())

/** A process that has an arena, and a program that it has started in it. */
interface Maker {
  readonly child: ChildProcess
  readonly dir: string
  readonly program: ProcessRef
}

async function startMaker(kind: ArenaKind): Promise<Maker> {
  const path = fileURLToPath(new URL('../../fixtures/arena-maker.ts', import.meta.url))
  const child = spawn(process.execPath, [path, kind], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  const { dir, pid } = JSON.parse(String(line)) as { dir: string; pid: number }
  assert.ok(existsSync(dir))
  const program = processRef(pid)
  assert.ok(isAlive(program))
  return { child, dir, program }
}

function namespacesOf({ dir }: Maker): string[] {
  return existsSync('/run/netns')
    ? readdirSync('/run/netns').filter((name) => name.startsWith(basename(dir)))
    : []
}

async function assertNothingIsLeft(maker: Maker): Promise<void> {
  assert.ok(await waitForEnd(maker.program, 5000))
  assert.not(existsSync(maker.dir))
  assert.equal(namespacesOf(maker), [])
}

async function kill({ child }: Maker, signal: NodeJS.Signals): Promise<void> {
  child.kill(signal)
  await once(child, 'exit')
}

async function interrupted(kind: ArenaKind): Promise<void> {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    const maker = await startMaker(kind)
    await kill(maker, signal)
    await assertNothingIsLeft(maker)
  }
}

async function swept(kind: ArenaKind, namespaces: number): Promise<void> {
  const maker = await startMaker(kind)
  await kill(maker, 'SIGKILL')
  assert.ok(existsSync(maker.dir))
  assert.is(namespacesOf(maker).length, namespaces)
  sweepArenas()
  await assertNothingIsLeft(maker)
}

test('an interrupted run leaves nothing behind, on the loopback interface', () => interrupted('loopback'))
asRoot('an interrupted run leaves nothing behind, with namespaces', () => interrupted('namespaces'))
test('what a killed run has left is swept, on the loopback interface', () => swept('loopback', 0))
asRoot('what a killed run has left is swept, with namespaces', () => swept('namespaces', 3))

test.run()
