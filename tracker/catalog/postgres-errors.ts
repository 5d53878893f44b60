import pg from 'pg'
import {
  BootswarmError,
  BusyError,
  ConfigError,
  ConflictError,
  InvalidError,
  StorageError,
  StorageFullError,
} from '../../src/core/errors.ts'
import { BROKEN_LINK, TAKEN } from './constraint-messages.ts'

type Make = (cause: unknown) => BootswarmError

const busy =
  (what: string): Make =>
  (cause) =>
    new BusyError(`${what}: try again`, { cause })

/** Nothing has happened, and the same would succeed now. */
function raced(cause: unknown): BusyError {
  const data = { again: true }
  return new BusyError('others changed the same at the same moment: try again', { cause, data })
}

/** By SQLSTATE (PostgreSQL's manual, appendix A). */
const BY_CODE: Readonly<Record<string, Make>> = {
  '23505': (cause) => new ConflictError(TAKEN, { cause }),
  '23503': (cause) => new ConflictError(BROKEN_LINK, { cause }),
  '28000': (cause) =>
    new ConfigError('the database does not let this user of it in: see pg_hba.conf there', { cause }),
  '28P01': (cause) => new ConfigError('the database refuses the password of the tracker', { cause }),
  '3D000': (cause) => new ConfigError('the database does not exist: make it with createdb', { cause }),
  '42501': (cause) =>
    new StorageError(
      'the database does not allow this to the tracker: is its role the owner of the database?',
      { cause },
    ),
  '25006': (cause) => new StorageError('the database takes no changes: is it a standby?', { cause }),
  '40001': raced,
  '40P01': raced,
  '53100': (cause) => new StorageFullError('no space left for the catalog', { cause }),
  '53300': busy('the database has too many connections'),
  '55P03': busy('others held what this needs for too long'),
  '57014': busy('the database took too long'),
  '57P01': busy('the database is stopping'),
  '57P02': busy('the database has crashed'),
  '57P03': busy('the database is starting or stopping'),
  '25P03': busy('the tracker took too long between two questions to the database'),
}

/** By class, the first two characters, where the code is not above. */
const BY_CLASS: Readonly<Record<string, Make>> = {
  '08': busy('the connection to the database broke off'),
  '22': (cause) => new InvalidError('a value does not fit into the catalog', { cause }),
  '53': (cause) => new StorageError('the database lacks memory or room', { cause }),
  '57': busy('the database was interrupted'),
  '58': (cause) => new StorageError('the catalog cannot be read or written', { cause }),
  XX: (cause) => new StorageError('the catalog cannot be read or written', { cause }),
}

/** What an error of the server or of the connection to it means. Our own and defects of queries stay as they are. */
export function catalogErrorOf(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof BootswarmError) return error
  if (!(error instanceof pg.DatabaseError)) return ofConnection(error)
  const code = error.code ?? ''
  const make = BY_CODE[code] ?? BY_CLASS[code.slice(0, 2)]
  return make === undefined ? error : make(error)
}

/** The client reports what is not the server's as plain errors, those of the network with a code. */
function ofConnection(error: Error): unknown {
  if (error.constructor !== Error && !('code' in error) && !(error instanceof AggregateError)) return error
  if (error.message.startsWith('SASL'))
    return new ConfigError('the database wants a password: give it in catalog.postgresFile', { cause: error })
  const reason = 'code' in error ? String(error.code) : error.message
  return new BusyError(`the database of the tracker does not answer (${reason}): try again`, { cause: error })
}

/** Whether the connection is of no use any more after this error. */
export function isFatal(error: unknown): boolean {
  if (error instanceof BootswarmError) return false
  return !(error instanceof pg.DatabaseError) || error.severity === 'FATAL' || error.severity === 'PANIC'
}
