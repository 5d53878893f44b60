/** Every path of the tracker's HTTP interface, in the form that its router takes. */
export const TRACKER_PATHS = {
  whoami: '/api/whoami',
  users: '/api/users',
  user: '/api/users/:user',
  userImages: '/api/users/:user/images',
  userGroups: '/api/users/:user/groups',
  userPermissions: '/api/users/:user/permissions',
  userShared: '/api/users/:user/shared',
  userSharing: '/api/users/:user/sharing',
  groups: '/api/groups',
  group: '/api/groups/:group',
  groupUsers: '/api/groups/:group/users',
  groupUser: '/api/groups/:group/users/:user',
  groupPermissions: '/api/groups/:group/permissions',
  groupPermission: '/api/groups/:group/permissions/:permission',
  groupShared: '/api/groups/:group/shared',
  images: '/api/images',
  /** An image of the asker's own namespace. */
  ownImage: '/api/images/:image',
  ownShareUser: '/api/images/:image/share/user/:user',
  ownShareGroup: '/api/images/:image/share/group/:group',
  image: '/api/images/:namespace/:name',
  shareUser: '/api/images/:namespace/:name/share/user/:user',
  shareGroup: '/api/images/:namespace/:name/share/group/:group',
  version: '/api/images/:namespace/:name/versions/:version',
  signature: '/api/images/:namespace/:name/versions/:version/signature',
  tag: '/api/images/:namespace/:name/tags/:tag',
  record: '/api/images/:namespace/:name/record',
  records: '/api/images/:namespace/:name/records',
  profile: '/api/images/:namespace/:name/profile',
  history: '/api/images/:namespace/:name/history',
  imageAcl: '/api/images/:namespace/:name/acl',
  imageUploads: '/api/images/:namespace/:name/uploads',
  /** raw/IMAGE, raw/USER/IMAGE or raw/HYPERVISOR/IMAGE, raw/USER/HYPERVISOR/IMAGE. */
  rawOwn: '/api/images/raw/:image',
  raw: '/api/images/raw/:namespace/:name',
  rawHypervisor: '/api/images/raw/:namespace/:hypervisor/:name',
  namespaces: '/api/namespaces',
  namespace: '/api/namespaces/:namespace',
  namespaceAcl: '/api/namespaces/:namespace/acl',
  upload: '/api/uploads/:upload',
  need: '/api/uploads/:upload/need',
  blocks: '/api/uploads/:upload/blocks',
  commit: '/api/uploads/:upload/commit',
  nodes: '/api/nodes',
  node: '/api/nodes/:node',
  pass: '/api/nodes/pass',
  swarms: '/api/swarms',
  swarm: '/api/swarms/:manifest',
  join: '/api/swarms/join',
  announce: '/api/swarms/announce',
  leave: '/api/swarms/leave',
  related: '/api/swarms/related',
  swarmProfile: '/api/swarms/profile',
  bootRecordings: '/api/swarms/recordings',
  placements: '/api/placements',
  placement: '/api/placements/:placement',
  places: '/api/placements/:placement/nodes',
  orders: '/api/placements/orders',
  usage: '/api/usage',
  audit: '/api/audit',
  gc: '/api/gc',
  chains: '/api/chains/check',
  chainRepairs: '/api/chains/repairs',
  openapi: '/openapi.json',
  live: '/livez',
  ready: '/readyz',
  metrics: '/metrics',
} as const

/** What returned addresses carry for the consumer to put its hypervisor in the place of. */
export const HYPERVISOR_WORD = '__hypervisor__'
/** Hypervisors that consumers put there; in `raw/xen/web` a namespace called `xen` would give everybody its image instead of their own. */
const HYPERVISORS = ['xen', 'kvm', 'qemu', 'vmware', 'virtualbox', 'hyperv', 'none']
/** Names that a namespace must not have: they are words of the paths above. */
const RESERVED_NAMESPACES: ReadonlySet<string> = new Set(['raw', HYPERVISOR_WORD, ...HYPERVISORS])

/** Whether nobody may have a namespace of this name; `XEN` is as good as `xen` to who reads an address. */
export function isReservedNamespace(name: string): boolean {
  return RESERVED_NAMESPACES.has(name.toLowerCase())
}
/** What a node must not be called. */
export const RESERVED_NODES: ReadonlySet<string> = new Set(['pass'])

type ParametersOf<Path extends string> = Path extends `${string}:${infer Name}/${infer Rest}`
  ? Name | ParametersOf<`/${Rest}`>
  : Path extends `${string}:${infer Name}`
    ? Name
    : never

/** A path with its parameters filled in, percent-encoded. */
export function fillPath<Path extends string>(
  path: Path,
  parameters: Readonly<Record<ParametersOf<Path>, string | number>>,
): string {
  const values: Readonly<Record<string, string | number>> = parameters
  return path.replace(/:([a-z]+)/g, (_, name: string) => encodeURIComponent(String(values[name])))
}
