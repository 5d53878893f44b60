/** A server of NBD as a process of its own: node scripts/fuzz/nbd/server.ts SOCKET, with IPC. Says `ready`, then what it holds whenever it is asked. */
import { silentObserver } from '../../../node/disk/nbd/observer.ts'
import { NbdServer } from '../../../node/disk/nbd/server.ts'
import { systemClock } from '../../../src/core/clock.ts'
import { UsageError } from '../../../src/core/errors.ts'
import { silentLog } from '../../../src/core/log.ts'
import { MemoryDisk } from '../../bench/memory-disk.ts'
import { FUZZ_DISK } from './inputs.ts'

/** What is left of clients that are gone should be nothing. */
export interface Holdings {
  readonly connections: number
  readonly bytesInFlight: number
  /** Open sockets of the process, the listening one included. */
  readonly sockets: number
  /** After a collection. */
  readonly heapBytes: number
}

const [, , path] = process.argv
if (path === undefined) throw new UsageError('give a socket')
const bytes = Buffer.alloc(FUZZ_DISK.bytes, 'bootswarm')
const server = new NbdServer({ clock: systemClock, observer: silentObserver, log: silentLog })
const disk = new MemoryDisk({ name: FUZZ_DISK.name, bytes })
await server.listenAtPath(path, () => [disk])

process.on('message', () => {
  globalThis.gc?.()
  const { connections, bytesInFlight } = server
  const sockets = process.getActiveResourcesInfo().filter((name) => name.startsWith('Pipe')).length
  const holdings: Holdings = {
    connections,
    bytesInFlight,
    sockets,
    heapBytes: process.memoryUsage().heapUsed,
  }
  process.send?.(holdings)
})
process.on('disconnect', () => process.exit(0))
process.send?.('ready')
