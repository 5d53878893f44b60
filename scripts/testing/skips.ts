import type { Outcome } from './totals.ts'

/** Set by .ci/run: there every test is meant to run, so one that does not must not go unnoticed. */
export const CI_VARIABLE = 'BOOTSWARM_CI'

/** What a run says of the tests that were skipped, before its last line. Nothing when there are none. */
export function skipLines(outcomes: readonly Outcome[], init: { inCi: boolean }): string[] {
  const skipping = outcomes.filter(({ skipped }) => skipped > 0)
  if (skipping.length === 0) return []
  const lines = skipping.map(({ name, skipped, reasons }) => {
    const why = reasons.length === 0 ? 'it does not say why' : reasons.join('; ')
    return `  ${String(skipped).padStart(3)}  ${name}: ${why}`
  })
  const sum = skipping.reduce((total, { skipped }) => total + skipped, 0)
  const banner = `!!!!  ${sum} TESTS DID NOT RUN, AND IN CI EVERY TEST IS MEANT TO RUN  !!!!`
  return ['skipped:', ...lines, ...(init.inCi ? [banner] : [])]
}
