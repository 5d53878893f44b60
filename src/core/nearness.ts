export type Labels = Readonly<Record<string, string>>

/** 2: same rack, 1: same zone, 0: elsewhere. */
export type Nearness = 0 | 1 | 2

/** How near a peer is by its labels. A label that is missing here is shared with nobody; racks count within one zone. */
export function nearness(peer: Labels | undefined, own: Labels): Nearness {
  const same = (name: string) => own[name] !== undefined && own[name] === peer?.[name]
  const hasZone = own['zone'] !== undefined
  if (same('rack') && (same('zone') || !hasZone)) return 2
  return same('zone') ? 1 : 0
}
