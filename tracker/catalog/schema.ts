import type { ColumnType, Generated } from 'kysely'
import type { Right, SubjectKind } from '../../src/core/acl.ts'
import type { DigestKey, ManifestId } from '../../src/core/cid.ts'
import type { ImageState, NodeState, Permission, UserState } from '../../src/core/permission.ts'
import type { PlacementState, PlaceState } from '../../src/core/placement.ts'
import type { ImageName, Namespace, Tag } from '../../src/core/reference.ts'
import type { PeerKey } from '../../src/core/router.ts'

/** Never changes after it was inserted. */
type Fixed<T> = ColumnType<T, T, never>
/** Has a value of its own where an insert leaves it out. */
type Defaulted<T> = ColumnType<T, T | undefined, T>

/** Tables of the catalog. Times in milliseconds since the epoch; flags are 0 and 1; principals by distinguished name. */
export interface CatalogSchema {
  users: {
    id: Generated<number>
    name: Fixed<string>
    dn: string
    full_name: Defaulted<string>
    email: Defaulted<string | null>
    state: UserState
    /** Bytes of image content (holes left out) and images that the user may own; null: what the configuration says. */
    quota_bytes: Defaulted<number | null>
    quota_images: Defaulted<number | null>
    created_at: Fixed<number>
    modified_at: number
  }
  groups: {
    id: Generated<number>
    name: string
    protected: Defaulted<number>
    created_at: Fixed<number>
  }
  memberships: { group_id: Fixed<number>; user_id: Fixed<number> }
  group_permissions: { group_id: Fixed<number>; permission: Fixed<Permission> }
  nodes: {
    id: Generated<number>
    name: Fixed<string>
    dn: string
    peer: PeerKey
    /** JSON object of texts. */
    labels: Defaulted<string>
    /** 1 when an admin has set the labels. */
    labelled: Defaulted<number>
    state: NodeState
    created_at: Fixed<number>
    modified_at: number
    /** Last pass that was given; null before the first. */
    seen_at: Defaulted<number | null>
  }
  /** Owned by a user or by a group, never both. */
  namespaces: {
    namespace: Fixed<Namespace>
    owner_user: number | null
    owner_group: number | null
    created_at: Fixed<number>
  }
  /** A removed image keeps its row, so that its version numbers are never used again. */
  images: {
    id: Generated<number>
    uuid: Defaulted<string>
    namespace: Namespace
    name: ImageName
    /** Who made it; null in the row of a removed one whose owner is gone. */
    owner: number | null
    created_at: number
    modified_at: Defaulted<number>
    /** When its bytes last came; null for a slot without any. */
    uploaded_at: Defaulted<number | null>
    last_version: number
    removed: number
    state: Defaulted<ImageState>
    description: Defaulted<string>
    os_variant: Defaulted<string>
    os_type: Defaulted<string>
    os_arch: Defaulted<string>
    /** Comma-separated, never empty. */
    hypervisor: Defaulted<string>
    image_type: Defaulted<string>
    format: Defaulted<string>
    /** References of the images that it boots with. */
    kernel: Defaulted<string>
    ramdisk: Defaulted<string>
    /** Comma-separated free words. */
    keywords: Defaulted<string>
    expires_at: Defaulted<number | null>
    read_only: Defaulted<number>
    access_count: Defaulted<number>
    accessed_at: Defaulted<number | null>
  }
  /** What a renamed image was called, and the highest version that it had under that name: its number is not given again. */
  former_names: {
    namespace: Fixed<Namespace>
    name: Fixed<ImageName>
    uuid: string
    last_version: number
  }
  image_properties: { image: Fixed<number>; key: Fixed<string>; value: string }
  /** Append-only: a row is inserted once and only ever removed as a whole; a rename may give it another number. */
  versions: {
    image: Fixed<number>
    version: number
    manifest: Fixed<ManifestId>
    size: Fixed<number>
    /** Bytes without the zero pages: what counts against quotas. */
    content_bytes: Defaulted<number>
    sha256: Fixed<string | null>
    runs: Fixed<number>
    publisher: Fixed<string>
    /** The signed record; signed anew when the tracker has a new certificate, and when the image is renamed. */
    record: string
    /** The publisher's own JWS, where there is one. */
    signature: Defaulted<string | null>
    created_at: Fixed<number>
  }
  tags: {
    image: Fixed<number>
    tag: Fixed<Tag>
    version: number
  }
  /** Every version of every ACL, signed. `target`: `namespace:NAME` or `image:UUID`. */
  acls: {
    target: Fixed<string>
    version: Fixed<number>
    token: string
    created_at: Fixed<number>
  }
  /** Every statement about the versions of an image, signed. `target`: `record:UUID`; `version`: its number in the chain. */
  records: {
    target: Fixed<string>
    version: Fixed<number>
    token: string
    created_at: Fixed<number>
  }
  /** Entries of the newest version of each ACL, for listings; decisions read the signed text. */
  acl_entries: {
    target: Fixed<string>
    kind: Fixed<SubjectKind>
    subject: Fixed<string>
    right: Fixed<Right>
  }
  /** What happened to each image, kept when it is removed. */
  history: {
    id: Generated<number>
    uuid: Fixed<string>
    namespace: Fixed<string>
    name: Fixed<string>
    at: Fixed<number>
    actor: Fixed<string>
    action: Fixed<string>
    /** JSON object. */
    details: Fixed<string>
  }
  /** Trackers on this database, by the peer ID of their origin. */
  trackers: {
    peer: Fixed<PeerKey>
    url: string
    /** JSON array of multiaddrs. */
    addresses: string
    seen_at: number
  }
  /** Which tracker has the blocks of a manifest. */
  holdings: { manifest: Fixed<ManifestId>; tracker: Fixed<PeerKey> }
  uploads: {
    upload: Fixed<string>
    image: Fixed<number>
    principal: Fixed<string>
    expires_at: number
    /** Digests in its leases. */
    leased: number
    /** Where it was opened; its blocks are there. */
    tracker: Defaulted<PeerKey | ''>
    /** Bytes of blocks that came so far, inflated: checked against the quota while they come. */
    received_bytes: Defaulted<number>
    /** The last manifest that came. */
    manifest: Defaulted<ManifestId | null>
    /** `blocks`: a push. `raw`: the bytes as they are, cut here. */
    kind: Defaulted<'blocks' | 'raw'>
    /** A raw one that broke off and may go on: its image is not uploading. */
    paused: Defaulted<number>
    /** Bytes that a raw one is to have, where its client said so. */
    total_bytes: Defaulted<number | null>
    /** What cut a raw one: JSON of name and parameters. */
    chunker: Defaulted<string | null>
  }
  /** What has come of a raw upload and is stored, in order. */
  upload_segments: {
    upload: Fixed<string>
    place: Fixed<number>
    digest: Fixed<Uint8Array>
    size: Fixed<number>
    runs: Fixed<number>
    /** The last one, where the image goes on. */
    is_cut: Fixed<number>
  }
  /** Samples of the blocks of manifests. */
  sketches: { manifest: Fixed<ManifestId>; sketch: Fixed<Uint8Array> }
  /** Their values, by which manifests with common blocks are found. */
  sketch_values: { value: Fixed<number>; manifest: Fixed<ManifestId> }
  /** What machines of nodes read while they booted: deflated JSON of the reads. */
  boot_recordings: {
    image: Fixed<number>
    manifest: Fixed<ManifestId>
    node: Fixed<string>
    reads: Uint8Array
    duration_ms: number
    recorded_at: number
  }
  /** What was made of them. */
  boot_profiles: {
    image: Fixed<number>
    manifest: Fixed<ManifestId>
    /** Hex sha-256 of the reads. */
    digest: DigestKey
    recordings: number
    bytes: number
    reads: Uint8Array
    updated_at: number
  }
  /** Images that are to be at certain nodes. */
  placements: {
    id: Generated<number>
    namespace: Fixed<Namespace>
    name: Fixed<ImageName>
    version: Fixed<number>
    manifest: Fixed<ManifestId>
    /** JSON object: the labels that its nodes were chosen by. */
    labels: Fixed<string>
    /** When it begins. */
    at: Fixed<number>
    /** Failed places after which it halts. */
    failures_max: Fixed<number>
    state: PlacementState
    /** Distinguished name. */
    author: Fixed<string>
    created_at: Fixed<number>
    modified_at: number
  }
  /** The nodes of a placement. */
  places: {
    placement: Fixed<number>
    node: Fixed<string>
    /** Begins when all places of earlier waves have ended. */
    wave: Fixed<number>
    state: PlaceState
    runs: number
    runs_total: number
    error: string | null
    modified_at: number
  }
  /** Digests, one after the other, that garbage collection keeps for an upload. */
  leases: {
    id: Generated<number>
    upload: Fixed<string>
    digests: Fixed<Uint8Array>
  }
}
