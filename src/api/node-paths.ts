/** Paths of the node's control API (HTTP on a unix socket). */
export const NODE_PATHS = {
  status: '/api/status',
  images: '/api/images',
  image: '/api/images/:namespace/:name',
  peers: '/api/peers',
  enrolment: '/api/enrolment',
  pulls: '/api/pulls',
  exports: '/api/exports',
  gc: '/api/gc',
  verify: '/api/verify',
  seeds: '/api/seeds',
  disks: '/api/disks',
  disk: '/api/disks/:name',
  diskProfile: '/api/disks/:name/profile',
  hoard: '/api/hoard',
} as const

/** Media type of streamed answers: one JSON event a line. */
export const NDJSON = 'application/x-ndjson'
