/** Bootswarm's own, in every plot. */
export const OWN_COLOUR = '#0b5fff'

/**
 * For everybody else: after Okabe and Ito (2008), which people with any colour vision can tell apart, without their blue and yellow
 * (too near to ours; too light for a line).
 */
const OTHERS = [
  '#d55e00',
  '#009e73',
  '#cc79a7',
  '#e69f00',
  '#56b4e9',
  '#7a4fb5',
  '#6b7280',
  '#8c564b',
  '#1b9e9e',
]

/** The same system has the same colour in all plots of a report. */
export function coloursOf(names: readonly string[]): ReadonlyMap<string, string> {
  const others = names.filter((name) => !isOwn(name))
  const colour = (name: string) =>
    isOwn(name) ? OWN_COLOUR : (OTHERS[others.indexOf(name) % OTHERS.length] ?? '#000000')
  return new Map(names.map((name) => [name, colour(name)]))
}

export function isOwn(name: string): boolean {
  return name.startsWith('bootswarm')
}
