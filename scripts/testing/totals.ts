/** What one test file or one check came to. */
export interface Outcome {
  readonly name: string
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  /** Why tests were skipped, as far as the file says so. */
  readonly reasons: readonly string[]
  readonly seconds: number
  /** Shown in full when something failed. */
  readonly output: string
}

export interface FileRun {
  readonly name: string
  readonly output: string
  /** Why the process ended badly, or undefined. */
  readonly end: string | undefined
  /** What the file left behind, one line each. */
  readonly left: readonly string[]
  readonly seconds: number
}

/**
 * Reads uvu's totals. uvu ends well when a `before` hook throws or a suite never runs, so the figures count, not the
 * exit code alone: a file without totals or without tests has failed, and so has every test that did not pass.
 */
export function readTotals(run: FileRun): Outcome {
  const total = figure(run.output, 'Total')
  const passed = figure(run.output, 'Passed') ?? 0
  const skipped = figure(run.output, 'Skipped') ?? 0
  const complaints = [...run.left]
  if (run.end !== undefined) complaints.push(run.end)
  if (total === undefined) complaints.push('printed no totals')
  else if (total === 0 && skipped === 0) complaints.push('has no tests')
  const notPassed = (total ?? 0) - passed
  const failed = notPassed > 0 ? notPassed : complaints.length > 0 ? 1 : 0
  const notes = complaints.map((complaint) => `${run.name} ${complaint}\n`).join('')
  return {
    name: run.name,
    passed,
    failed,
    skipped,
    reasons: reasonsIn(run.output),
    seconds: run.seconds,
    output: `${run.output.trimEnd()}\n${notes}`,
  }
}

/** Reasons that a test file prints, each on a line of its own that begins with this word. */
function reasonsIn(output: string): string[] {
  return [
    ...new Set([...output.matchAll(/^skipped\b[:,]? *(.*)$/gm)].map(([, reason = '']) => reason.trim())),
  ]
}

function figure(output: string, label: string): number | undefined {
  const matches = [...output.matchAll(new RegExp(`^ {2}${label}: +(\\d+)$`, 'gm'))]
  const last = matches.at(-1)?.[1]
  return last === undefined ? undefined : Number(last)
}

export interface Counts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

export function addUp(outcomes: readonly Counts[]): Counts {
  const sum = { passed: 0, failed: 0, skipped: 0 }
  for (const outcome of outcomes) {
    sum.passed += outcome.passed
    sum.failed += outcome.failed
    sum.skipped += outcome.skipped
  }
  return sum
}

/** The last line of a test run; programs read it, so its form is fixed. */
export function countsLine(counts: Counts): string {
  const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : ''
  return `${counts.passed} passed, ${counts.failed} failed${skipped}`
}
