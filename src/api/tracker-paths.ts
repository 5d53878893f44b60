/** Every path of the tracker's HTTP interface, in the form that its router takes. */
export const TRACKER_PATHS = {
  whoami: '/api/whoami',
  images: '/api/images',
  image: '/api/images/:namespace/:name',
  version: '/api/images/:namespace/:name/versions/:version',
  tag: '/api/images/:namespace/:name/tags/:tag',
  record: '/api/images/:namespace/:name/record',
  imageUploads: '/api/images/:namespace/:name/uploads',
  raw: '/api/images/raw/:namespace/:name',
  upload: '/api/uploads/:upload',
  need: '/api/uploads/:upload/need',
  blocks: '/api/uploads/:upload/blocks',
  commit: '/api/uploads/:upload/commit',
  swarms: '/api/swarms',
  join: '/api/swarms/join',
  announce: '/api/swarms/announce',
  leave: '/api/swarms/leave',
  gc: '/api/gc',
  openapi: '/openapi.json',
  live: '/livez',
  ready: '/readyz',
  metrics: '/metrics',
} as const

/** Names that a namespace must not have: they are words of the paths above. */
export const RESERVED_NAMESPACES: ReadonlySet<string> = new Set(['raw'])

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
