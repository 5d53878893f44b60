import { ConfigError } from '../core/errors.ts'
import type { ListenAddress } from './config-file.ts'

/** What to do about the system's codes that mean: not at this address. */
const ADVICE: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the port is taken, by another program or another one of these',
  EADDRNOTAVAIL: 'this host does not have the address',
  EACCES: 'ports below 1024 need a privilege',
  EAFNOSUPPORT: 'this host does not have the address family',
  ENOTFOUND: 'the name is unknown',
}

/** Codes that `listenAdvice` explains, as the system writes them. */
export const LISTEN_CODES: readonly string[] = Object.keys(ADVICE)

/** One sentence about an address that could not be listened on: which, why, and so what to change. */
export function listenAdvice(address: string, code: string): string {
  return `cannot listen on ${address} (${code}): ${ADVICE[code] ?? 'the system refused it'}`
}

/** ConfigError for a failed `listen`; an error that is not recognised comes back as it is. */
export function cannotListen({ host, port }: ListenAddress, cause: unknown): unknown {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  if (!LISTEN_CODES.includes(code)) return cause
  const at = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
  return new ConfigError(listenAdvice(at, code), { cause, data: { host, port } })
}
