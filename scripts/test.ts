/**
 * Runs every check and every test file, each in a process of its own, and ends with the counts.
 * `npm test -- store tidy` runs what has one of the words in its name. `--coverage` (`npm run coverage`) measures coverage too,
 * which takes half as long again.
 */
import { glob, mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { CHECKS, runCheck } from './testing/checks.ts'
import { reportCoverage } from './testing/coverage.ts'
import { headOf } from './testing/head.ts'
import { runFile } from './testing/run-file.ts'
import { CI_VARIABLE, skipLines } from './testing/skips.ts'
import { addUp, countsLine, type Outcome } from './testing/totals.ts'

type Job = () => Promise<Outcome>

process.chdir(join(import.meta.dirname, '..'))
const words = process.argv.slice(2).filter((arg) => !arg.startsWith('-'))
const wanted = (name: string) => words.length === 0 || words.some((word) => name.includes(word))
const has = (flag: string) => process.argv.includes(flag)
const coverageDir = has('--coverage') ? await mkdtemp(join(tmpdir(), 'bs-coverage-')) : undefined

/** Unit tests two at a time. Integration tests start many processes and want the machine for themselves; beside each at most one that mostly waits. */
const UNIT_JOBS = Math.min(2, availableParallelism())

async function runAll(): Promise<boolean> {
  const files = (await Array.fromAsync(glob('test/**/*.test.ts'))).filter(wanted).sort()
  const isIntegration = (path: string) => path.startsWith('test/integration/')
  const fileJob = (path: string) => () => runFile(path, coverageDir === undefined ? {} : { coverageDir })
  const checks = CHECKS.filter(wanted).map((check) => () => runCheck(check))
  const units = files.filter((path) => !isIntegration(path)).map(fileJob)
  const [busy, waiting] = await byHead(files.filter(isIntegration))
  const outcomes = await runJobs([...checks, ...units], UNIT_JOBS)
  const lanes = [busy, waiting].map((paths) => runJobs(paths.map(fileJob), 1))
  outcomes.push(...(await Promise.all(lanes)).flat())
  if (coverageDir !== undefined) outcomes.push(coverageOutcome(coverageDir))
  if (outcomes.length === 0) process.stdout.write(`nothing has ${words.join(' or ')} in its name\n`)
  const counts = addUp(outcomes)
  const inCi = Boolean(process.env[CI_VARIABLE])
  process.stdout.write(`\n${[...skipLines(outcomes, { inCi }), countsLine(counts)].join('\n')}\n`)
  return counts.failed === 0 && outcomes.length > 0
}

/** Those that use the machine, and those that mostly wait. */
async function byHead(paths: readonly string[]): Promise<[string[], string[]]> {
  const [busy, waiting]: [string[], string[]] = [[], []]
  for (const path of paths) ((await headOf(path)).mostlyWaits ? waiting : busy).push(path)
  return [busy, waiting]
}

async function runJobs(jobs: readonly Job[], concurrency: number): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  const queue = [...jobs]
  const work = async () => {
    for (let job = queue.shift(); job !== undefined; job = queue.shift()) {
      const outcome = await job()
      outcomes.push(outcome)
      print(outcome)
    }
  }
  await Promise.all(Array.from({ length: concurrency }, work))
  return outcomes
}

function print({ name, passed, failed, skipped, seconds, output }: Outcome): void {
  const line = `${name}  ${countsLine({ passed, failed, skipped })}  ${seconds.toFixed(1)} s`
  if (failed === 0) process.stdout.write(`ok    ${line}\n`)
  else process.stdout.write(`\nFAIL  ${line}\n${output.replace(/^/gm, '      ').trimEnd()}\n\n`)
}

function coverageOutcome(dir: string): Outcome {
  const started = performance.now()
  const ok = reportCoverage(dir)
  const seconds = (performance.now() - started) / 1000
  const outcome = {
    name: 'coverage',
    passed: ok ? 1 : 0,
    failed: ok ? 0 : 1,
    skipped: 0,
    reasons: [],
    seconds,
    output: '',
  }
  print(outcome)
  return outcome
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1))
try {
  process.exitCode = (await runAll()) ? 0 : 1
} finally {
  if (coverageDir !== undefined) await rm(coverageDir, { recursive: true, force: true })
}
