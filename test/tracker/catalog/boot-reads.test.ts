import { deflateRawSync } from 'node:zlib'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { BootRead } from '../../../src/core/boot-profile.ts'
import { StorageError } from '../../../src/core/errors.ts'
import { BOOT_RECORDING_BODY_BYTES_MAX } from '../../../src/core/registry-limits.ts'
import { packReads, unpackReads } from '../../../tracker/catalog/boot-reads.ts'

const test = suite('reads in a column')

test('come back as they went in, small', () => {
  const reads = Array.from(
    { length: 1000 },
    (_, at): BootRead => [at * 999_424, 4096 * (1 + (at % 7)), at * 13],
  )
  const packed = packReads(reads)
  assert.equal(unpackReads(packed), reads)
  assert.ok(packed.length < 12_000, `${packed.length} bytes`)
})

test('may end within a page, as a disk may', () => {
  const reads: readonly BootRead[] = [
    [8192, 512, 0],
    [0, 4096, 3],
  ]
  assert.equal(unpackReads(packReads(reads)), reads)
})

test('what is no list of reads is refused, however large it would become', () => {
  const wrong = [
    '',
    '[]',
    '{}',
    '[[0,4096]]',
    '[[0,4096,0],[0,4096,0]]',
    '[[0,"4096",0]]',
    '[[0,512,0],[4096,4096,0]]',
    '[null]',
    '7',
  ]
  const bytes = wrong.map((text) => deflateRawSync(text))
  const bomb = deflateRawSync(Buffer.alloc(4 * BOOT_RECORDING_BODY_BYTES_MAX, ' '))
  for (const one of [...bytes, bomb, Buffer.from('no deflate')])
    assert.throws(
      () => unpackReads(one),
      (error: unknown) => error instanceof StorageError,
    )
})

test.run()
