/** Organizational units by which `bootswarm ca issue` marks the certificates of machines. */
const NODE_UNIT = 'OU=nodes'
const TRACKER_UNIT = 'OU=trackers'

export function isNodeCertificate(dn: string): boolean {
  return unitsOf(dn).has(NODE_UNIT)
}

export function isTrackerCertificate(dn: string): boolean {
  return unitsOf(dn).has(TRACKER_UNIT)
}

/** Slash form: `\\` stands before a `/` or `+` that belongs to a value. */
function unitsOf(dn: string): ReadonlySet<string> {
  return new Set(dn.split(/(?<!\\)[/+]/))
}
