import { type Static, Type } from '@sinclair/typebox'
import type { BootRead } from '../core/boot-profile.ts'
import { BOOT_READS_MAX, BOOT_RECORDING_MS } from '../core/disk-limits.ts'
import { NAME_CHARS_MAX } from '../core/limits.ts'
import { ManifestText } from './name-schemas.ts'
import { DelegationText, Jws, PeerText } from './swarm-schemas.ts'

/** Recordings and profiles of boots (docs/specs/boot-profile-v1.md). Objects of requests refuse unknown fields. */

const closed = { additionalProperties: false }
const byte = { minimum: 0, maximum: Number.MAX_SAFE_INTEGER }

const BootReads = Type.Unsafe<readonly BootRead[]>(
  Type.Array(
    Type.Tuple([
      Type.Integer(byte),
      Type.Integer({ ...byte, minimum: 1 }),
      Type.Integer({ minimum: 0, maximum: BOOT_RECORDING_MS }),
    ]),
    {
      minItems: 1,
      maxItems: BOOT_READS_MAX,
      description:
        'offset, length, and milliseconds since the first read: in the order of time, no byte twice',
    },
  ),
)
const nodeFields = {
  reference: Type.String({ minLength: 3, maxLength: 4 * NAME_CHARS_MAX }),
  peer: PeerText,
  delegation: Type.Optional(DelegationText),
}

export const FindProfileBody = Type.Object(nodeFields, closed)
export const PutRecordingBody = Type.Object(
  {
    ...nodeFields,
    manifest: ManifestText,
    reads: BootReads,
    durationMs: Type.Integer({ minimum: 0, maximum: BOOT_RECORDING_MS }),
  },
  closed,
)

export const ProfileView = Type.Object({
  manifest: ManifestText,
  recordings: Type.Integer({ minimum: 1, description: 'that it was made of' }),
  bytes: Type.Integer({ minimum: 1, description: 'that its reads cover' }),
  updatedAt: Type.String({ description: 'ISO 8601, UTC' }),
  reads: BootReads,
  token: Jws,
})

export type FindProfileBody = Static<typeof FindProfileBody>
export type PutRecordingBody = Static<typeof PutRecordingBody>
export type ProfileView = Static<typeof ProfileView>
