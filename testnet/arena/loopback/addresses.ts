/** Arenas of the loopback interface that one machine has at once. */
export const LOOPBACK_SLOTS = 60
/** An address that the first of these arenas takes shows others that its addresses are taken. */
export const LOCK_PORT = 4003

/** Where others reach a host, and where its programs listen: two networks of 127.0.0.0/8. */
export function addressesOf(slot: number, host: number): { address: string; listenAddress: string } {
  const end = `${host >> 7}.${2 + (host & 127)}`
  return { address: `127.${64 + slot}.${end}`, listenAddress: `127.${128 + slot}.${end}` }
}

export function lockAddress(slot: number): string {
  return `127.${64 + slot}.255.1`
}
