import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { headOf } from './head.ts'
import { killMarked, killQuietly, MARKER, processesMarked } from './processes.ts'
import { temporaryRoot } from './temporary-root.ts'
import { type Outcome, readTotals } from './totals.ts'

/** What a test file may print before it is cut: a runaway loop must not fill the memory. */
const OUTPUT_CHARS_MAX = 4 * 1024 * 1024
/** What the runtime, not the test, leaves in the temporary folder. */
const NOT_OURS = new Set(['node-compile-cache'])

/** What runs now; neither its processes (daemons have groups of their own) nor its files outlive this process. */
interface Running {
  readonly marker: string
  readonly temporary: string
}
const running = new Set<Running>()
process.on('exit', () => {
  for (const { marker, temporary } of running) {
    killMarked(marker)
    rmSync(temporary, { recursive: true, force: true, maxRetries: 3 })
  }
})

/**
 * Runs one test file in a process group and a temporary folder of its own. What it leaves behind (processes, files) is
 * removed and counts as a failure.
 */
export async function runFile(path: string, init: { coverageDir?: string } = {}): Promise<Outcome> {
  const started = performance.now()
  const marker = randomUUID()
  const temporary = await mkdtemp(join(await temporaryRoot(path), 'bs-'))
  const own: Running = { marker, temporary }
  running.add(own)
  const env: NodeJS.ProcessEnv = { ...process.env, [MARKER]: marker, TMPDIR: temporary, NO_COLOR: '1' }
  delete env['FORCE_COLOR']
  if (init.coverageDir !== undefined) env['NODE_V8_COVERAGE'] = init.coverageDir
  // Before the child begins, whose end must not come before somebody listens.
  const { deadlineMs } = await headOf(path)
  const child = spawn(process.execPath, [path], { env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  const output = collect(child)
  const end = await untilDone(child, deadlineMs)
  const left = [...(await leftProcesses(marker)), ...(await leftFiles(temporary))]
  await rm(temporary, { recursive: true, force: true })
  running.delete(own)
  const seconds = (performance.now() - started) / 1000
  return readTotals({ name: path, output: output(), end, left, seconds })
}

function collect(child: ChildProcess): () => string {
  let text = ''
  const add = (piece: string) => {
    if (text.length < OUTPUT_CHARS_MAX) text += piece
  }
  child.stdout?.setEncoding('utf8').on('data', add)
  child.stderr?.setEncoding('utf8').on('data', add)
  return () => text
}

/** How the file ended: undefined when well, else why not. */
async function untilDone(child: ChildProcess, deadlineMs: number): Promise<string | undefined> {
  const late = sleep(deadlineMs, 'late' as const, { ref: false })
  const closed = once(child, 'exit').then(([code, signal]) => ({ code, signal }))
  const first = await Promise.race([closed, late])
  if (first !== 'late') {
    if (first.code === 0) return undefined
    return first.signal === null ? `ended with code ${first.code}` : `was ended by ${first.signal}`
  }
  // A negative number means the whole group, which is ours alone because of `detached`.
  if (child.pid !== undefined) killQuietly(-child.pid)
  await closed
  return `was not done after ${deadlineMs / 1000} s`
}

async function leftProcesses(marker: string): Promise<string[]> {
  let left = await processesMarked(marker)
  // A process that was told to stop may need a moment to be gone.
  for (let i = 0; i < 10 && left.length > 0; i++) {
    await sleep(50)
    left = await processesMarked(marker)
  }
  for (const { pid } of left) killQuietly(pid)
  return left.map(({ pid, command }) => `left process ${pid} behind: ${command.slice(0, 200)}`)
}

async function leftFiles(dir: string): Promise<string[]> {
  const names = (await readdir(dir)).filter((name) => !NOT_OURS.has(name))
  return names.map((name) => `left a file behind in the temporary folder: ${name}`)
}
