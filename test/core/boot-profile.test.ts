import { readFileSync } from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  BOOT_PROFILE_TYPE,
  type BootRead,
  bytesOfReads,
  checkBootProfile,
  checkReads,
  checkRecording,
  digestOfReads,
  parseBootProfile,
} from '../../src/core/boot-profile.ts'
import { digestOf, manifestIdOf } from '../../src/core/cid.ts'
import { BOOT_BYTES_MAX, BOOT_READS_MAX, BOOT_RECORDING_MS } from '../../src/core/disk-limits.ts'
import { InvalidError, SignatureError } from '../../src/core/errors.ts'

const test = suite('boot profile')
const PAGE = 4096
const size = 20 * PAGE + 100
const manifest = manifestIdOf(digestOf(Buffer.from('one')))
const other = manifestIdOf(digestOf(Buffer.from('another')))
const reads: readonly BootRead[] = [
  [8 * PAGE, 2 * PAGE, 0],
  [0, PAGE, 4],
  [20 * PAGE, 100, 4],
  [10 * PAGE, PAGE, 90],
]
const isInvalid = (error: unknown) => error instanceof InvalidError
const isSignature = (error: unknown) => error instanceof SignatureError

test('takes reads as a recorder makes them, up to the end of a disk that ends within a page', () => {
  checkReads(reads, { size })
  checkRecording({ manifest, reads, durationMs: 90 }, { manifest, size })
  assert.is(bytesOfReads(reads), 4 * PAGE + 100)
})

test('refuses reads that break a rule', () => {
  const wrong: readonly (readonly BootRead[])[] = [
    [],
    [[0, 0, 0]],
    [[-PAGE, PAGE, 0]],
    [[1, PAGE, 0]],
    [[0, 100, 0]],
    [[20 * PAGE, PAGE, 0]],
    [[21 * PAGE, PAGE, 0]],
    [[0, PAGE, -1]],
    [[0, PAGE, 0.5]],
    [[0, PAGE, BOOT_RECORDING_MS + 1]],
    [[Number.NaN, PAGE, 0]],
    [[0, Number.POSITIVE_INFINITY, 0]],
    [[Number.MAX_SAFE_INTEGER, PAGE, 0]],
    [
      [0, PAGE, 1],
      [PAGE, PAGE, 0],
    ],
    [
      [0, 2 * PAGE, 0],
      [PAGE, PAGE, 1],
    ],
    [
      [PAGE, PAGE, 0],
      [0, PAGE, 1],
      [0, PAGE, 2],
    ],
  ]
  for (const one of wrong) assert.throws(() => checkReads(one, { size }), isInvalid)
})

test('refuses more reads or bytes than there may be', () => {
  const many = Array.from({ length: BOOT_READS_MAX + 1 }, (_, at): BootRead => [2 * at * PAGE, PAGE, 0])
  const large = { size: 4 * BOOT_BYTES_MAX }
  checkReads(many.slice(1), large)
  assert.throws(() => checkReads(many, large), isInvalid)
  checkReads([[0, BOOT_BYTES_MAX, 0]], large)
  assert.throws(() => checkReads([[0, BOOT_BYTES_MAX + PAGE, 0]], large), isInvalid)
})

test('refuses a recording of another image, and one that ends before its reads or too late', () => {
  const image = { manifest, size }
  for (const wrong of [
    { manifest: other, reads, durationMs: 90 },
    { manifest, reads, durationMs: 89 },
    { manifest, reads, durationMs: BOOT_RECORDING_MS + 1 },
    { manifest, reads, durationMs: 90.5 },
  ])
    assert.throws(() => checkRecording(wrong, image), isInvalid)
})

const claims = {
  ...{ manifest, recordings: 3, reads: reads.length, bytes: bytesOfReads(reads) },
  ...{ digest: digestOfReads(reads), updated: 1_900_000_000, iat: 1_900_000_001 },
}

test('reads the claims of a profile, and refuses those that lack something', () => {
  assert.equal(parseBootProfile({ ...claims, more: 1 }), claims)
  for (const name of Object.keys(claims))
    assert.throws(() => parseBootProfile({ ...claims, [name]: undefined }), isInvalid, name)
  const wrong = [
    { manifest: 'bafy' },
    { recordings: 0 },
    { reads: BOOT_READS_MAX + 1 },
    { bytes: BOOT_BYTES_MAX + 1 },
    { digest: 'F'.repeat(64) },
    { updated: -1 },
    { iat: 0.5 },
  ]
  for (const one of wrong) assert.throws(() => parseBootProfile({ ...claims, ...one }), isInvalid)
})

test('the page names the type and every claim', () => {
  const page = readFileSync('docs/specs/boot-profile-v1.md', 'utf8')
  for (const word of [BOOT_PROFILE_TYPE, ...Object.keys(claims)])
    assert.ok(page.includes(`\`${word}\``), word)
})

test('a profile counts for its image and its reads alone', () => {
  const profile = parseBootProfile(claims)
  const image = { manifest, size, reads }
  checkBootProfile(profile, image)
  assert.throws(() => checkBootProfile(profile, { ...image, manifest: other }), isSignature)
  assert.throws(() => checkBootProfile(profile, { ...image, reads: reads.slice(1) }), isSignature)
  assert.throws(() => checkBootProfile(profile, { ...image, size: PAGE }), isInvalid)
})

test.run()
