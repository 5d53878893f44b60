import { type Static, Type } from '@sinclair/typebox'
import { METADATA_FIELDS } from '../core/metadata.ts'
import { IMAGE_STATES } from '../core/permission.ts'
import { ImageNameText, ManifestText, NamespaceText, VersionNumber } from './name-schemas.ts'

/** Images as Repoman's clients know them, with what Bootswarm adds (docs/specs/registry-v1.md section 3). */

const closed = { additionalProperties: false }
const Said = (description: string) => Type.Union([Type.String(), Type.Null()], { description })
const Time = (description: string) =>
  Type.Union([Type.String(), Type.Null()], {
    description: `${description}; C ctime form, UTC; null: not so far`,
  })
const Bytes = (description: string) =>
  Type.Union([Type.Integer({ minimum: 0 }), Type.Null()], { description })
const Url = (description: string) => Type.String({ description: `URL ${description}` })

export const VersionObject = Type.Object({
  version: VersionNumber,
  manifest: ManifestText,
  size: Type.Integer({ minimum: 0, description: 'bytes of the image' }),
  content_bytes: Type.Integer({ minimum: 0, description: 'without its zero pages' }),
  sha256: Said('hex, of the whole image'),
  publisher: Type.String({ description: 'distinguished name of who pushed it' }),
  created: Type.String({ description: 'C ctime form, UTC' }),
})

export const ImageObject = Type.Object(
  {
    uuid: Type.String({ description: 'never changes, whatever the image is called' }),
    name: ImageNameText,
    namespace: NamespaceText,
    owner_user_name: Said('who made it, or was given it'),
    owner: Said('URL of that user'),
    owner_dn: Type.Optional(Type.String({ description: 'only for the owner and admins' })),
    created: Time('when the slot was made'),
    modified: Time('last change'),
    uploaded: Time('when its bytes last came'),
    accessed: Time('when its bytes were last asked for'),
    expires: Time('when it stops being given to others'),
    access_count: Type.Integer({ minimum: 0 }),
    checksum: Type.Object({ type: Said('sha256'), value: Said('hex') }),
    description: Said('what it is for'),
    os_variant: Said('operating system'),
    os_type: Said('its family'),
    os_arch: Said('processor'),
    hypervisor: Type.String({ description: 'comma-separated words, never empty' }),
    image_type: Said('what it is, or for which cloud'),
    format: Said('form of its bytes'),
    kernel: Said('image of the kernel that it boots with'),
    ramdisk: Said('image of the RAM disk that it boots with'),
    keywords: Type.Array(Type.String()),
    properties: Type.Record(Type.String(), Type.String(), { description: 'free pairs' }),
    state: Type.Union(IMAGE_STATES.map((state) => Type.Literal(state))),
    permission: Type.Union([Type.Literal('public'), Type.Literal('private')]),
    read_only: Type.Boolean(),
    unauthenticated_access: Type.Boolean(),
    raw_file_uploaded: Type.Boolean({ description: 'whether it has bytes' }),
    version: Type.Integer({ minimum: 0, description: 'the newest; 0: none' }),
    size: Bytes('of the newest version'),
    content_bytes: Bytes('of the newest version without its zero pages'),
    manifest: Said('CID of the manifest of the newest version'),
    file_url: Url("of its bytes; __hypervisor__ stands for the consumer's word"),
    http_file_url: Said(
      'URL of its bytes for those without a certificate; null unless unauthenticated_access',
    ),
    shared_with: Type.Object({
      groups: Type.Array(Url('of a group')),
      users: Type.Array(Url('of a user')),
      nodes: Type.Array(Type.String({ description: 'name of a node' })),
    }),
    signed_by: Said('distinguished name of who signed the newest version beside the tracker'),
    tags: Type.Record(Type.String(), VersionNumber),
    versions: Type.Array(VersionObject, { description: 'oldest first' }),
  },
  { $id: 'Image', title: 'Image', xml: { name: 'image' } },
)

const Anything = (description: string) => Type.Optional(Type.Unknown({ description }))

/** What an owner may say: names of fields, aliases, `property.KEY`. Values are checked field by field (src/core/metadata-values.ts). */
const said = Object.fromEntries(
  METADATA_FIELDS.filter(({ setBy }) => setBy === 'owner').map(({ name, aliases, about, ...field }) => {
    const values = field.settable ?? field.values
    const also = aliases.length === 0 ? '' : `; also ${aliases.join(', ')}`
    return [name, Anything(`${about}${values === undefined ? '' : ` (${values.join(', ')})`}${also}`)]
  }),
)
const properties = Anything('free pairs; in a form property.KEY=value')

export const CreateImageBody = Type.Object(
  { ...said, name: Anything('required; unique in its namespace'), properties },
  { description: 'further names: see the specification' },
)
export const ChangeImageBody = Type.Object(
  { ...said, properties },
  { description: 'what is not given stays; further names: see the specification' },
)

/** `version`: only that version is removed. */
export const RemoveImageQuery = Type.Object({ version: Type.Optional(VersionNumber) }, closed)

export const OwnImageParams = Type.Object({ image: ImageNameText }, closed)
export const ImageUrls = Type.Array(
  Type.String({ description: 'absolute URL of an image', xml: { name: 'image' } }),
  { xml: { name: 'images' } },
)

export type ImageObject = Static<typeof ImageObject>
export type VersionObject = Static<typeof VersionObject>

const next = Type.Union([Type.Integer({ minimum: 1 }), Type.Null()], {
  description: 'offset of the next page; null: this is the last',
})
/** Answer to a search with `view=objects`. */
export const FoundImages = Type.Object({ images: Type.Array(ImageObject), next }, { xml: { name: 'found' } })
/** Answer to any other search: the fields that were asked for, under the names that they were asked by. */
export const FoundRows = Type.Object({
  images: Type.Array(Type.Record(Type.String(), Type.Unknown())),
  next,
})

/** Answer to `GET /api/images`. */
export const ImagesAnswer = Type.Unsafe<string[] | Static<typeof FoundImages> | Static<typeof FoundRows>>({
  description: 'addresses; with parameters an object with what was found and the offset of the next page',
  oneOf: [ImageUrls, FoundImages, FoundRows],
})

/** A search: what is not named here is a condition, `attribute=value` (docs/specs/query-v1.md section 6). */
export const SearchParameters = Type.Record(Type.String({ maxLength: 128 }), Type.Unknown(), {
  maxProperties: 64,
  description: 'q, fields, view (objects, fields), sort, dir, limit, offset, and attribute=value',
})

export type FoundImages = Static<typeof FoundImages>
export type FoundRows = Static<typeof FoundRows>
