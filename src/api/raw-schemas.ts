import { type Static, Type } from '@sinclair/typebox'
import { ImageNameText, NamespaceText } from './name-schemas.ts'

/** Addresses of the bytes of images, in the forms of both generations of Repoman's. */

const closed = { additionalProperties: false }
const Hypervisor = Type.String({
  ...{ minLength: 1, maxLength: 64, pattern: '^[a-zA-Z0-9_.-]+$' },
  description: 'one that the image is for, or __hypervisor__',
})

/** In the asker's own namespace. */
export const RawOwnParams = Type.Object({ image: ImageNameText }, closed)
/** `namespace`: one, or a hypervisor and then an image of the asker's own namespace. */
export const RawParams = Type.Object({ namespace: NamespaceText, name: ImageNameText }, closed)
export const RawHypervisorParams = Type.Object(
  { namespace: NamespaceText, hypervisor: Hypervisor, name: ImageNameText },
  closed,
)

/** What of a path says which image. */
export type RawPath =
  | Static<typeof RawOwnParams>
  | Static<typeof RawParams>
  | Static<typeof RawHypervisorParams>
