import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { BootswarmError } from '../../src/core/errors.ts'
import { WorkerPool, workerModule } from '../../src/util/worker-pool.ts'
import type { EchoRequest } from '../fixtures/echo-worker.ts'

const module = workerModule(import.meta.url, '../fixtures/echo-worker')
const test = suite('worker pool')

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'no error',
    (error: unknown) => (error instanceof BootswarmError ? error.code : String(error)),
  )

async function withPool(
  init: { workers: number; queueMax?: number },
  body: (pool: WorkerPool<EchoRequest, Uint8Array>) => Promise<void>,
): Promise<void> {
  const pool = new WorkerPool<EchoRequest, Uint8Array>({ module, ...init })
  try {
    await body(pool)
  } finally {
    await pool.close()
  }
}

test('answers every request, more of them than workers', () =>
  withPool({ workers: 2 }, async (pool) => {
    const requests = Array.from({ length: 50 }, (_, i) => pool.run({ do: 'echo', bytes: Uint8Array.of(i) }))
    const answers = await Promise.all(requests)
    assert.equal(
      answers.map((bytes) => bytes[0]),
      Array.from({ length: 50 }, (_, i) => i),
    )
  }))

test('starts threads when there is work for them, or all of them before', () =>
  withPool({ workers: 3 }, async (pool) => {
    assert.is(pool.running, 0)
    await pool.run({ do: 'echo', bytes: Uint8Array.of(1) })
    assert.is(pool.running, 1)
    pool.startAll()
    assert.is(pool.running, 3)
    assert.equal(await pool.run({ do: 'echo', bytes: Uint8Array.of(2) }), Uint8Array.of(2))
    assert.is(pool.running, 3)
  }))

test('moves transferred buffers there and back', () =>
  withPool({ workers: 1 }, async (pool) => {
    const bytes = new Uint8Array(1000).fill(7)
    const answer = await pool.run({ do: 'echo', bytes }, { transfer: [bytes.buffer] })
    assert.is(bytes.length, 0)
    assert.is(answer.length, 1000)
  }))

test('gives errors of a handler back by code, with data', () =>
  withPool({ workers: 1 }, async (pool) => {
    const error = await pool.run({ do: 'refuse' }).catch((caught: unknown) => caught)
    assert.instance(error, BootswarmError)
    assert.is((error as BootswarmError).code, 'E_INTEGRITY')
    assert.equal((error as BootswarmError).data, { index: 3 })
    assert.is(await codeOf(pool.run({ do: 'break' })), 'E_INTERNAL')
  }))

test('replaces a worker that ended', () =>
  withPool({ workers: 1 }, async (pool) => {
    assert.is(await codeOf(pool.run({ do: 'exit' })), 'E_INTERNAL')
    const answer = await pool.run({ do: 'echo', bytes: Uint8Array.of(1) })
    assert.is(answer[0], 1)
  }))

test('refuses more than its queue holds', () =>
  withPool({ workers: 1, queueMax: 1 }, async (pool) => {
    const running = Array.from({ length: 3 }, () => codeOf(pool.run({ do: 'hang' })))
    assert.is(await codeOf(pool.run({ do: 'hang' })), 'E_BUSY')
    await pool.close()
    assert.equal(await Promise.all(running), ['E_ABORTED', 'E_ABORTED', 'E_ABORTED'])
    assert.is(await codeOf(pool.run({ do: 'hang' })), 'E_STATE')
  }))

test('lets a signal take a request back', () =>
  withPool({ workers: 1 }, async (pool) => {
    const abort = new AbortController()
    const stopped = codeOf(pool.run({ do: 'hang' }, { signal: abort.signal }))
    abort.abort()
    assert.is(await stopped, 'E_ABORTED')
    assert.is(await codeOf(pool.run({ do: 'hang' }, { signal: abort.signal })), 'E_ABORTED')
  }))

test('does not keep the process alive while it is idle', async () => {
  const script = `
    import { WorkerPool } from ${JSON.stringify(new URL('../../src/util/worker-pool.ts', import.meta.url).href)}
    const pool = new WorkerPool({ module: new URL(${JSON.stringify(module.href)}), workers: 1 })
    const answer = await pool.run({ do: 'echo', bytes: Uint8Array.of(5) })
    process.stdout.write(String(answer[0]))`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
    timeout: 20_000,
  })
  assert.is(stdout, '5')
})

test.run()
