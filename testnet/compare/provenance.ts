import { execFile } from 'node:child_process'
import { cpus, loadavg, release, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Provenance } from './report.ts'

const run = promisify(execFile)

/** To be called before the first run: the load is part of it. */
export async function provenanceOf(now: Date): Promise<Provenance> {
  const processors = cpus()
  return {
    date: now.toISOString(),
    commit: await commitOf(),
    machine: {
      processor: processors[0]?.model.trim() ?? 'unknown',
      cores: processors.length,
      memoryBytes: totalmem(),
      kernel: release(),
      loadBefore: loadavg()[0] ?? 0,
    },
  }
}

async function commitOf(): Promise<string> {
  const cwd = fileURLToPath(new URL('../..', import.meta.url))
  try {
    const { stdout } = await run('git', ['describe', '--always', '--dirty', '--exclude=*', '--abbrev=12'], {
      cwd,
    })
    return stdout.trim()
  } catch {
    return 'unknown'
  }
}
