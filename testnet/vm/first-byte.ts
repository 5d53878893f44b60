import { DiskClient } from './disk-client.ts'

const TIMEOUT_MS = 30_000

/** Reads the start of a disk at a unix socket, without starting a program. Errors: those of DiskClient. */
export async function readStart(init: { socket: string; name: string; length: number }): Promise<Buffer> {
  const client = await DiskClient.open({ socket: init.socket, name: init.name, timeoutMs: TIMEOUT_MS })
  try {
    return await client.read(0, init.length)
  } finally {
    client.close()
  }
}
