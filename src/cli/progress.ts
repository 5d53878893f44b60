import { type Command, Option } from 'commander'
import type { Clock } from '../core/clock.ts'
import type { Shell, Sink } from './shell.ts'
import { formatBytes, formatSeconds, formatShare, printable } from './units.ts'

const MODES = ['auto', 'plain', 'json', 'none'] as const
export type ProgressMode = (typeof MODES)[number]

export interface ProgressFlags {
  readonly progress: ProgressMode
}

export interface ProgressState {
  /** What is being done, a word or two. */
  readonly label: string
  /** Bytes. `total` is undefined while it is not known. */
  readonly done: number
  readonly total: number | undefined
  /** Anything else worth a look, short. */
  readonly detail?: string
}

/** Time between two prints: a moving line, lines in a log, lines for a program. */
const INTERVAL_MS = { line: 100, plain: 5_000, json: 1_000 }
/** The rate is that of the last while, so that a stall shows and an old burst does not. */
const WINDOW_MS = 10_000

export function addProgressOption(command: Command): Command {
  const what = 'progress on standard error: auto is a moving line on a terminal and plain lines elsewhere'
  return command.addOption(new Option('--progress <how>', what).choices(MODES).default('auto'))
}

export function openProgress(shell: Shell, flags: ProgressFlags): Progress {
  const { stderr, env } = shell.terminal
  const isTerminal = stderr.isTTY === true && env['TERM'] !== 'dumb'
  const style = flags.progress === 'auto' ? (isTerminal ? 'line' : 'plain') : flags.progress
  return new Progress({ stream: stderr, clock: shell.clock }, { style })
}

/** Tells how far something is, with rate and time left. Prints nothing before its first interval is over. */
export class Progress {
  readonly #stream: Sink
  readonly #clock: Clock
  readonly #style: 'line' | 'plain' | 'json' | 'none'
  #samples: { atMs: number; done: number }[] = []
  #label = ''
  #printedMs: number
  #isLineOpen = false

  constructor(
    components: { stream: Sink; clock: Clock },
    init: { style: 'line' | 'plain' | 'json' | 'none' },
  ) {
    this.#stream = components.stream
    this.#clock = components.clock
    this.#style = init.style
    this.#printedMs = components.clock.monotonic()
  }

  update(state: ProgressState): void {
    if (this.#style === 'none') return
    const nowMs = this.#clock.monotonic()
    const bytesPerS = this.#rate(state, nowMs)
    if (nowMs - this.#printedMs < INTERVAL_MS[this.#style]) return
    this.#printedMs = nowMs
    this.#print(this.#textOf(state, bytesPerS))
    this.#isLineOpen = this.#style === 'line'
  }

  /** Removes the moving line, so that what comes next starts on a clean one. */
  end(): void {
    if (this.#isLineOpen) this.#print('\r\x1b[K')
    this.#isLineOpen = false
  }

  #textOf(state: ProgressState, bytesPerS: number | undefined): string {
    if (this.#style === 'json') return `${JSON.stringify(asEvent(state, bytesPerS))}\n`
    const line = describe(state, bytesPerS)
    if (this.#style === 'plain') return `${line}\n`
    return `\r${line.slice(0, (this.#stream.columns ?? 80) - 1)}\x1b[K`
  }

  #print(text: string): void {
    this.#stream.write(text)
  }

  #rate({ label, done }: ProgressState, nowMs: number): number | undefined {
    if (label !== this.#label) this.#samples = []
    this.#label = label
    const last = this.#samples.at(-1)
    if (last === undefined || nowMs - last.atMs >= INTERVAL_MS.line) this.#samples.push({ atMs: nowMs, done })
    while ((this.#samples[1]?.atMs ?? nowMs) < nowMs - WINDOW_MS) this.#samples.shift()
    const first = this.#samples[0]
    if (first === undefined || nowMs - first.atMs < 500) return undefined
    return ((done - first.done) * 1000) / (nowMs - first.atMs)
  }
}

/** Seconds to go, or undefined while nothing moves. */
function secondsLeft({ done, total }: ProgressState, bytesPerS: number | undefined): number | undefined {
  if (total === undefined || bytesPerS === undefined || bytesPerS <= 0) return undefined
  return Math.max(0, total - done) / bytesPerS
}

function asEvent(state: ProgressState, bytesPerS: number | undefined): object {
  const { label, done, total, detail } = state
  const etaSeconds = secondsLeft(state, bytesPerS)
  return { event: 'progress', label, done, total, bytesPerSecond: bytesPerS, etaSeconds, detail }
}

function describe(state: ProgressState, bytesPerS: number | undefined): string {
  const { label, done, total, detail } = state
  const parts = [
    total === undefined
      ? formatBytes(done)
      : `${formatShare(done, total)} (${formatBytes(done)} of ${formatBytes(total)})`,
  ]
  if (bytesPerS !== undefined) parts.push(`${formatBytes(bytesPerS)}/s`)
  const left = secondsLeft(state, bytesPerS)
  if (left !== undefined) parts.push(`${formatSeconds(left)} left`)
  if (detail !== undefined) parts.push(detail)
  return printable(`${label} ${parts.join(', ')}`)
}
