import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { BootProfiles } from '../../../../node/disk/profile/boot-profiles.ts'
import { type KeptProfile, ProfileFiles } from '../../../../node/disk/profile/profile-files.ts'
import type { ProfileView } from '../../../../src/api/profile-schemas.ts'
import {
  type BootProfileStatement,
  type BootRead,
  bytesOfReads,
  digestOfReads,
} from '../../../../src/core/boot-profile.ts'
import { digestKey, digestOf, type ManifestId } from '../../../../src/core/cid.ts'
import { CertificateError, NotFoundError, UnreachableError } from '../../../../src/core/errors.ts'
import { silentLog } from '../../../../src/core/log.ts'
import { catalogEntry } from '../../../fixtures/attachable-disks.ts'
import { failureOf } from '../../../fixtures/failure.ts'
import { withScratch } from '../../../fixtures/scratch.ts'

const test = suite('boot profiles of a node')
const image = catalogEntry()
const manifest = image.manifest as ManifestId
const old: readonly BootRead[] = [[0, 4096, 0]]
const fresh: readonly BootRead[] = [[4096, 8192, 0]]
const elsewhere = digestKey(digestOf(Buffer.from('elsewhere')))

/** A tracker that signs by saying so, and files, in memory when none are given. */
function site(given: readonly BootRead[] | undefined, files?: Pick<ProfileFiles, 'load' | 'save'>) {
  const state = { given, away: false, asked: 0, ended: false }
  const kept = new Map<ManifestId, KeptProfile>()
  const statements = new Map<string, BootProfileStatement>()
  const sign = (reads: readonly BootRead[], of = manifest): { token: string; reads: readonly BootRead[] } => {
    const token = `${of} ${digestOfReads(reads)}`
    const facts = { recordings: 1, reads: reads.length, bytes: bytesOfReads(reads), updated: 1, iat: 1 }
    statements.set(token, { manifest: of, digest: digestOfReads(reads), ...facts })
    return { token, reads }
  }
  const profiles = new BootProfiles({
    tracker: {
      async find() {
        state.asked++
        if (state.away) throw new UnreachableError('away')
        if (state.given === undefined) throw new NotFoundError('none')
        return sign(state.given) as ProfileView
      },
      record: async () => {},
    },
    files: files ?? {
      load: async (id) => kept.get(id),
      save: async (id, value) => void kept.set(id, value),
    },
    async verify(token) {
      const statement = statements.get(token)
      if (statement === undefined || state.ended) throw new CertificateError('it has ended')
      return statement
    },
    log: silentLog,
  })
  return { state, kept, sign, profiles }
}

test('what is kept will do while the tracker has no other, and while it is away', async () => {
  const { profiles, state } = site(old)
  assert.equal((await profiles.of(image, { digest: digestOfReads(old) }))?.reads, old)
  assert.is(state.asked, 1)
  assert.equal((await profiles.of(image, { digest: digestOfReads(old) }))?.reads, old)
  assert.equal((await profiles.of(image, { digest: undefined }))?.reads, old)
  assert.is(state.asked, 1)
  state.given = fresh
  assert.equal((await profiles.of(image, { digest: digestOfReads(fresh) }))?.reads, fresh)
  assert.is(state.asked, 2)
  state.away = true
  assert.equal((await profiles.of(image, { digest: elsewhere }))?.reads, fresh)
  assert.is(await profiles.of(image, { digest: null }), undefined)
})

test('a kept one that does not verify any more is asked for again', async () => {
  const { profiles, state, kept, sign } = site(old)
  kept.set(manifest, {
    sent: true,
    profile: { token: 'of a tracker whose certificate has ended', reads: [...old] },
  })
  assert.equal((await profiles.of(image, { digest: digestOfReads(old) }))?.reads, old)
  assert.is(state.asked, 1)
  assert.ok(await profiles.hasSent(image))
  const { token } = sign(old)
  kept.set(manifest, { sent: false, profile: { token, reads: [...fresh] } })
  assert.equal((await profiles.of(image, { digest: digestOfReads(old) }))?.reads, old)
  assert.is(state.asked, 2)
  state.ended = true
  state.away = true
  assert.is((await failureOf(profiles.of(image, { digest: undefined }))).code, 'E_UNREACHABLE')
})

test('what the tracker gives for another image, or of bytes that the image has not, is refused', async () => {
  const { profiles, state } = site([[0, 2 * image.size, 0]])
  assert.is((await failureOf(profiles.of(image, { digest: elsewhere }))).code, 'E_INVALID')
  state.given = undefined
  assert.is(await profiles.of(image, { digest: elsewhere }), undefined)
})

test('what is kept at the same time is kept whole, and a disk that is full takes no profile away', () =>
  withScratch(async (dir) => {
    const files = new ProfileFiles({ log: silentLog }, { dir: join(dir, 'profiles') })
    const { profiles, state, sign } = site(old, files)
    const { token } = sign(old)
    const sent = { reads: [...old], durationMs: 1 }
    await Promise.all([
      profiles.find(image),
      ...Array.from({ length: 10 }, () => profiles.send(image, sent)),
      profiles.find(image),
    ])
    assert.equal(await files.load(manifest), { sent: true, profile: { token, reads: [...old] } })
    files.save = () => Promise.reject(Object.assign(new Error('full'), { code: 'ENOSPC' }))
    state.given = fresh
    assert.equal((await profiles.find(image))?.reads, fresh)
    await profiles.send(image, sent)
  }))

test.run()
