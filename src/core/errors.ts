/**
 * Every failure that Bootswarm reports, one class each, with a fixed `name` and `code`.
 * Callers switch on `code`; HTTP status and exit code are mapped from it here and nowhere else.
 * `docs/errors.md` lists them; a test compares the two.
 */

export type ErrorCode = keyof typeof ERROR_TABLE

/** HTTP status (RFC 9110) and process exit code of each error code. */
export const ERROR_TABLE = {
  E_USAGE: { http: 400, exit: 2, meaning: 'the command line or the request has the wrong form' },
  E_INVALID: { http: 400, exit: 2, meaning: 'a value is out of its range or malformed' },
  E_CONFIG: { http: 500, exit: 2, meaning: 'a configuration file is wrong' },
  E_NOT_FOUND: { http: 404, exit: 3, meaning: 'the named thing does not exist, or not for the asker' },
  E_NOT_AUTHORISED: { http: 403, exit: 4, meaning: 'the principal may not do this' },
  E_CERTIFICATE: { http: 403, exit: 4, meaning: 'a certificate or its path is not acceptable' },
  E_GRANT: { http: 403, exit: 4, meaning: 'a grant is missing, expired, or for another peer or manifest' },
  E_NOT_ACCEPTABLE: {
    http: 406,
    exit: 1,
    meaning: 'the answer has none of the forms that the request accepts',
  },
  E_CONFLICT: { http: 409, exit: 5, meaning: 'the thing exists already or changed meanwhile' },
  E_INTEGRITY: { http: 422, exit: 6, meaning: 'bytes do not match their digest' },
  E_SIGNATURE: { http: 422, exit: 6, meaning: 'a signature does not verify' },
  E_TAMPERED: {
    http: 500,
    exit: 6,
    meaning: 'what the tracker had signed was changed, put back or removed in its database',
  },
  E_MANIFEST: { http: 422, exit: 6, meaning: 'a manifest or segment is malformed' },
  E_PROTOCOL: { http: 400, exit: 1, meaning: 'a peer broke the protocol' },
  E_LIMIT: { http: 413, exit: 1, meaning: 'a bound of docs/limits.md was exceeded' },
  E_QUOTA: { http: 413, exit: 8, meaning: 'a quota is used up' },
  E_STORAGE_FULL: { http: 507, exit: 8, meaning: 'the disk is full' },
  E_STORAGE: { http: 500, exit: 1, meaning: 'the disk or the index failed' },
  E_UNSUPPORTED: {
    http: 501,
    exit: 1,
    meaning: 'this form of the request or the answer does not exist here',
  },
  E_UNREACHABLE: { http: 502, exit: 7, meaning: 'nobody answered' },
  E_TIMEOUT: { http: 504, exit: 7, meaning: 'the answer took too long' },
  E_BUSY: { http: 503, exit: 7, meaning: 'too much work at the moment; try again' },
  E_STATE: { http: 409, exit: 1, meaning: 'not possible in the present state' },
  E_ABORTED: { http: 499, exit: 130, meaning: 'stopped on request' },
  E_INTERNAL: { http: 500, exit: 1, meaning: 'a defect of Bootswarm' },
} as const

export interface ErrorOptions {
  cause?: unknown
  /** Facts for a program: sizes, names, limits. Never secrets. */
  data?: Record<string, unknown>
}

/** Base of all errors below. `data` is safe to print and to send. */
export abstract class BootswarmError extends Error {
  abstract readonly code: ErrorCode
  readonly data: Record<string, unknown>

  constructor(message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.data = options.data ?? {}
  }
}

export class UsageError extends BootswarmError {
  override readonly name = 'UsageError'
  readonly code = 'E_USAGE'
}

export class InvalidError extends BootswarmError {
  override readonly name = 'InvalidError'
  readonly code = 'E_INVALID'
}

export class ConfigError extends BootswarmError {
  override readonly name = 'ConfigError'
  readonly code = 'E_CONFIG'
}

export class NotFoundError extends BootswarmError {
  override readonly name = 'NotFoundError'
  readonly code = 'E_NOT_FOUND'
}

export class NotAuthorisedError extends BootswarmError {
  override readonly name = 'NotAuthorisedError'
  readonly code = 'E_NOT_AUTHORISED'
}

export class CertificateError extends BootswarmError {
  override readonly name = 'CertificateError'
  readonly code = 'E_CERTIFICATE'
}

export class GrantError extends BootswarmError {
  override readonly name = 'GrantError'
  readonly code = 'E_GRANT'
}

export class NotAcceptableError extends BootswarmError {
  override readonly name = 'NotAcceptableError'
  readonly code = 'E_NOT_ACCEPTABLE'
}

export class ConflictError extends BootswarmError {
  override readonly name = 'ConflictError'
  readonly code = 'E_CONFLICT'
}

export class IntegrityError extends BootswarmError {
  override readonly name = 'IntegrityError'
  readonly code = 'E_INTEGRITY'
}

export class SignatureError extends BootswarmError {
  override readonly name = 'SignatureError'
  readonly code = 'E_SIGNATURE'
}

export class TamperedError extends BootswarmError {
  override readonly name = 'TamperedError'
  readonly code = 'E_TAMPERED'
}

export class ManifestError extends BootswarmError {
  override readonly name = 'ManifestError'
  readonly code = 'E_MANIFEST'
}

export class ProtocolError extends BootswarmError {
  override readonly name = 'ProtocolError'
  readonly code = 'E_PROTOCOL'
}

export class LimitError extends BootswarmError {
  override readonly name = 'LimitError'
  readonly code = 'E_LIMIT'
}

export class QuotaError extends BootswarmError {
  override readonly name = 'QuotaError'
  readonly code = 'E_QUOTA'
}

export class StorageFullError extends BootswarmError {
  override readonly name = 'StorageFullError'
  readonly code = 'E_STORAGE_FULL'
}

export class StorageError extends BootswarmError {
  override readonly name = 'StorageError'
  readonly code = 'E_STORAGE'
}

export class UnsupportedError extends BootswarmError {
  override readonly name = 'UnsupportedError'
  readonly code = 'E_UNSUPPORTED'
}

export class UnreachableError extends BootswarmError {
  override readonly name = 'UnreachableError'
  readonly code = 'E_UNREACHABLE'
}

export class TimeoutError extends BootswarmError {
  override readonly name = 'TimeoutError'
  readonly code = 'E_TIMEOUT'
}

export class BusyError extends BootswarmError {
  override readonly name = 'BusyError'
  readonly code = 'E_BUSY'
}

export class StateError extends BootswarmError {
  override readonly name = 'StateError'
  readonly code = 'E_STATE'
}

export class AbortedError extends BootswarmError {
  override readonly name = 'AbortedError'
  readonly code = 'E_ABORTED'
}

export class InternalError extends BootswarmError {
  override readonly name = 'InternalError'
  readonly code = 'E_INTERNAL'
}

const CLASSES = [
  UsageError,
  InvalidError,
  ConfigError,
  NotFoundError,
  NotAuthorisedError,
  CertificateError,
  GrantError,
  NotAcceptableError,
  ConflictError,
  IntegrityError,
  SignatureError,
  TamperedError,
  ManifestError,
  ProtocolError,
  LimitError,
  QuotaError,
  StorageFullError,
  StorageError,
  UnsupportedError,
  UnreachableError,
  TimeoutError,
  BusyError,
  StateError,
  AbortedError,
  InternalError,
]

/** The error that an answer with this code stands for (what an API client throws again). */
export function errorFromCode(code: string, message: string, data?: Record<string, unknown>): BootswarmError {
  const options = data === undefined ? {} : { data }
  for (const Class of CLASSES) {
    const error = new Class(message, options)
    if (error.code === code) return error
  }
  return new InternalError(message, options)
}

/** Exit code of a process that ends with this error; 1 for what is not ours. */
export function exitCodeOf(error: unknown): number {
  return error instanceof BootswarmError ? ERROR_TABLE[error.code].exit : 1
}

/** HTTP status of an answer that reports this error; 500 for what is not ours. */
export function httpStatusOf(error: unknown): number {
  return error instanceof BootswarmError ? ERROR_TABLE[error.code].http : 500
}
