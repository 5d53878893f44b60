import { readFile } from 'node:fs/promises'

/** Time for a test file unless its head says otherwise. */
const DEADLINE_MS = 120_000

/** What the first lines of a test file say of it. */
export interface Head {
  /** `// deadline: N s` */
  readonly deadlineMs: number
  /** `// mostly waits`: for timers of daemons, so that another may run beside it. */
  readonly mostlyWaits: boolean
}

export async function headOf(path: string): Promise<Head> {
  // A file that is gone meanwhile fails when Node.js cannot find it.
  const head = (await readFile(path, 'utf8').catch(() => '')).slice(0, 400)
  const seconds = /^\/\/ deadline: (\d+) s$/m.exec(head)?.[1]
  return {
    deadlineMs: seconds === undefined ? DEADLINE_MS : Number(seconds) * 1000,
    mostlyWaits: /^\/\/ mostly waits$/m.test(head),
  }
}
