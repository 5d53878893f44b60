/** Structured log; a subset of pino's interface, so that a pino logger is one. Never pass secrets. */
export interface Log {
  debug(data: object, message: string): void
  info(data: object, message: string): void
  warn(data: object, message: string): void
  error(data: object, message: string): void
}

/** Says nothing: for tests and one-off commands. */
export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} }
