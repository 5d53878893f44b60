import { createHash } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { AbortedError, BusyError, StorageError } from '../../../src/core/errors.ts'
import { BodySource } from '../../../tracker/raw/body-source.ts'
import { failureOf } from '../../fixtures/failure.ts'

const test = suite('bodies as sources of images')
const target = new Uint8Array(8192)

async function* pieces(count: number, error?: Error): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < count; i++) yield Buffer.alloc(10_000, i)
  if (error !== undefined) throw error
}

function sourceOf(body: AsyncIterable<Uint8Array>, bytes?: number) {
  const stop = new AbortController()
  const claims = [
    { name: 'Content-MD5', algorithm: 'md5' as const, digest: createHash('md5').update('x').digest() },
  ]
  return { stop, source: new BodySource({ name: 'a/b', body, bytes, claims, stop: stop.signal }) }
}

async function drain(source: BodySource): Promise<number> {
  let bytes = 0
  for (;;) {
    const step = await source.next(target)
    if (step.kind === 'end') return bytes
    bytes += step.bytes
  }
}

test('gives every byte and then the end', async () => {
  const { source } = sourceOf(pieces(3), 30_000)
  assert.is(await drain(source), 30_000)
  assert.equal([source.came, source.cut], [30_000, undefined])
  assert.throws(() => source.check(), /Content-MD5/)
})

test('ends where the client breaks off, and says so', async () => {
  for (const body of [pieces(2), pieces(2, new AbortedError('gone'))]) {
    const { source } = sourceOf(body, 30_000)
    assert.is(await drain(source), 20_000)
    assert.is(source.cut?.code, 'E_ABORTED')
    assert.is((await source.next(target)).kind, 'end')
  }
})

test('ends at once when it is stopped, though nothing comes', async () => {
  const silent = (async function* () {
    yield Buffer.alloc(10)
    await new Promise(() => {})
  })()
  const { source, stop } = sourceOf(silent, 20)
  assert.is((await source.next(target)).kind, 'data')
  const next = source.next(target)
  stop.abort(new BusyError('stopping'))
  assert.is((await next).kind, 'end')
  assert.is(source.cut?.code, 'E_BUSY')
  await source.close()
})

test('more than was announced, and failures that are no breaking off, are thrown', async () => {
  assert.is((await failureOf(drain(sourceOf(pieces(4), 30_000).source))).code, 'E_INVALID')
  const broken = sourceOf(pieces(1, new StorageError('disk')))
  assert.is((await failureOf(drain(broken.source))).code, 'E_STORAGE')
})

test.run()
