import type { DaemonControl } from './daemon-control.ts'
import type { DaemonHandle } from './handles.ts'
import { residentMemory } from './processes.ts'

/** What every daemon's handle can do; `pid` and `peer` change with a restart, so the caller adds them. */
export function daemonHandle(control: DaemonControl): Omit<DaemonHandle, 'pid' | 'peer'> {
  return {
    name: control.name,
    logPath: control.recipe.logPath,
    alive: () => control.alive,
    resident: () => (control.alive ? residentMemory(control.process.pid) : undefined),
    kill: (signal = 'SIGKILL') => control.kill(signal),
    stop: () => control.stop(),
    restart: () => control.restart(),
  }
}
