import { readdirSync, readFileSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'

/** Name of the environment variable by which a test file's descendants are recognised. */
export const MARKER = 'BOOTSWARM_TEST_MARKER'

/**
 * Processes that carry `marker` in their environment: everything that a test file started, whoever its parent is by
 * now. Empty where there is no /proc.
 */
export async function processesMarked(marker: string): Promise<{ pid: number; command: string }[]> {
  const needle = `${MARKER}=${marker}`
  const found: { pid: number; command: string }[] = []
  const entries = await readdir('/proc').catch(() => [])
  for (const entry of entries) {
    const pid = Number(entry)
    if (!Number.isInteger(pid) || pid === process.pid) continue
    const environment = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '')
    if (!environment.split('\0').includes(needle)) continue
    const command = await readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '')
    found.push({ pid, command: command.replaceAll('\0', ' ').trim() })
  }
  return found
}

/** Kills all that carry `marker`, at once: for a process that ends and cannot wait. */
export function killMarked(marker: string): void {
  const needle = `${MARKER}=${marker}`
  for (const entry of existingEntries()) {
    const pid = Number(entry)
    if (!Number.isInteger(pid) || pid === process.pid) continue
    if (environmentOf(pid).split('\0').includes(needle)) killQuietly(pid)
  }
}

function existingEntries(): string[] {
  try {
    return readdirSync('/proc')
  } catch {
    return []
  }
}

function environmentOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1')
  } catch {
    return ''
  }
}

/** Kills a process that we started; that it is gone already is fine. */
export function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {}
}
