import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { digestsOf, framesOf } from '../fixtures/blocks.ts'
import { assertHolds, failsWith, packPaths, withStore } from '../fixtures/pack-dir.ts'
import { withScratch } from '../fixtures/scratch.ts'

const child = fileURLToPath(new URL('../fixtures/put-worker.ts', import.meta.url))
const PUT_BLOCKS = 20
const framesAt = (seed: number) => framesOf(PUT_BLOCKS, { first: seed, length: 2000 })

const test = suite('pack store, killed')

/** Runs the child on `dir` until it has said `lines` lines that begin with `word`, then kills it. Returns all that it said. */
async function killAfter(
  dir: string,
  what: { first: number; mode: string; word: string; lines: number },
): Promise<string[]> {
  const args = [child, dir, String(what.first), what.mode]
  const process_ = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(process_, 'exit')
  const said: string[] = []
  let counted = 0
  for await (const line of createInterface({ input: process_.stdout })) {
    said.push(line)
    if (line.startsWith(what.word) && ++counted === what.lines) process_.kill('SIGKILL')
  }
  const [, signal] = await exited
  assert.is(signal, 'SIGKILL')
  return said
}

const seedsOf = (said: readonly string[], word: string) =>
  said.filter((line) => line.startsWith(`${word} `)).map((line) => Number(line.split(' ')[1]))

test('keeps what it acknowledged after kill -9, each time', () =>
  withScratch(async (dir) => {
    const acknowledged: number[] = []
    for (const lines of [1, 7, 40]) {
      const first = (acknowledged.length + 1) * 10_000 * PUT_BLOCKS
      const said = await killAfter(dir, { first, mode: 'put', word: 'put', lines })
      acknowledged.push(...seedsOf(said, 'put'))
      await withStore({ dir }, async (store) => {
        for (const seed of acknowledged) await assertHolds(store, framesAt(seed))
        const report = await store.verify()
        assert.equal(report.corrupt, [])
        assert.is(report.blocks, (await store.stat()).blocks)
      })
    }
    assert.ok(acknowledged.length >= 48)
  }))

test('keeps what it acknowledged when it is killed while it compacts', () =>
  withScratch(async (dir) => {
    for (const lines of [1, 2, 4]) {
      const first = lines * 10_000 * PUT_BLOCKS
      const said = await killAfter(dir, { first, mode: 'compact', word: 'compacted 1', lines })
      const deleted = new Set(seedsOf(said, 'deleting'))
      const kept = seedsOf(said, 'put').filter((seed) => !deleted.has(seed) && (seed / PUT_BLOCKS) % 2 === 0)
      await withStore({ dir }, async (store) => {
        for (const seed of kept) await assertHolds(store, framesAt(seed))
        const report = await store.verify()
        assert.equal(report.corrupt, [])
        assert.is(report.blocks, (await store.stat()).blocks)
      })
    }
  }))

test('is taken over from a dead process, and not from a living one', () =>
  withScratch(async (dir) => {
    const args = [child, dir, '0', 'put']
    const process_ = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    try {
      await once(process_.stdout, 'data')
      const error = await failsWith(
        'E_STATE',
        withStore({ dir }, async () => {}),
      )
      assert.match(error.message, `in use by process ${process_.pid}`)
    } finally {
      const exited = once(process_, 'exit')
      process_.kill('SIGKILL')
      await exited
    }
    await withStore({ dir }, async (store) => {
      await failsWith(
        'E_STATE',
        withStore({ dir }, async () => {}),
      )
      await store.put(framesAt(1_000_000))
    })
    assert.ok((await packPaths(dir)).length > 0)
  }))

test('finishes the removal of a pack that it was killed in', () =>
  withScratch(async (dir) => {
    const frames = framesOf(10)
    await withStore({ dir }, (store) => store.put(frames))
    const { DatabaseSync } = await import('node:sqlite')
    const db = new DatabaseSync(`${dir}/index.sqlite`)
    db.exec('UPDATE packs SET doomed = 1; DELETE FROM blocks')
    db.close()
    await withStore({ dir }, async (store) => {
      assert.equal(await store.stat(), { blocks: 0, storedBytes: 0 })
      assert.equal(await packPaths(dir), [])
      await store.put(frames)
      assert.equal(await store.has(digestsOf(frames)), Array(10).fill(true))
    })
  }))

test.run()
