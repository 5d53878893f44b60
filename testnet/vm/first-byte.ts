import { DiskClient } from './disk-client.ts'

const TIMEOUT_MS = 30_000

/** Reads bytes of a disk at a unix socket, its first ones unless it says where, without starting a program. Errors: those of DiskClient. */
export async function readOnce(init: {
  socket: string
  name: string
  length: number
  offset?: number
}): Promise<Buffer> {
  const client = await DiskClient.open({ socket: init.socket, name: init.name, timeoutMs: TIMEOUT_MS })
  try {
    return await client.read(init.offset ?? 0, init.length)
  } finally {
    client.close()
  }
}
