import { type Static, Type } from '@sinclair/typebox'
import type { TrustSource } from './trust-files.ts'

/** The key `identity` of a program's configuration file. Paths are relative to the file. */
export const IdentityConfigSchema = Type.Object(
  {
    certificate: Type.String({ minLength: 1 }),
    key: Type.String({ minLength: 1 }),
    ca: Type.String({ minLength: 1, description: 'PEM file, or directory in IGTF layout' }),
    crl: Type.Optional(Type.String({ minLength: 1, description: 'file or directory of revocation lists' })),
    crlRequired: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false },
)

/** The same with every path absolute. */
export interface IdentityConfig extends TrustSource {
  readonly certificate: string
  readonly key: string
}

/** `absolute` makes a path of the file absolute. */
export function resolveIdentity(
  file: Static<typeof IdentityConfigSchema>,
  absolute: (path: string) => string,
): IdentityConfig {
  const { certificate, key, ca, crl, crlRequired } = file
  return {
    certificate: absolute(certificate),
    key: absolute(key),
    ca: absolute(ca),
    ...(crl === undefined ? {} : { crl: absolute(crl) }),
    ...(crlRequired === undefined ? {} : { crlRequired }),
  }
}
