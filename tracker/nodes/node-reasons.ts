/** What a node that is not active is told. */
export const NODE_REASONS = {
  pending: (name: string) => `the node ${name} waits for an admin: bootswarm node approve ${name}`,
  revoked: (name: string) =>
    `the node ${name} was revoked; an admin can take it back: bootswarm node approve ${name}`,
} as const
