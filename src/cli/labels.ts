import { UsageError } from '../core/errors.ts'

/** `rack=a`, one in each text. Errors: UsageError. */
export function parseLabels(pairs: readonly string[]): Record<string, string> {
  const labels: Record<string, string> = {}
  for (const pair of pairs) {
    const at = pair.indexOf('=')
    if (at <= 0 || at === pair.length - 1) throw new UsageError(`${pair} is no label=value`)
    labels[pair.slice(0, at)] = pair.slice(at + 1)
  }
  return labels
}

/** As people write them. */
export function labelText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([label, value]) => `${label}=${value}`)
    .join(' ')
}
