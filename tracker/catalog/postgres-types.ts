import pg from 'pg'
import { StorageError } from '../../src/core/errors.ts'

const { builtins } = pg.types

/** Whole numbers become numbers and bytes plain Uint8Arrays, as SQLite gives them. */
const PARSERS: Readonly<Record<number, (text: string) => unknown>> = {
  [builtins.INT8]: wholeNumber,
  // Sums of whole numbers.
  [builtins.NUMERIC]: wholeNumber,
  [builtins.BOOL]: (text) => (text === 't' ? 1 : 0),
  [builtins.BYTEA]: (text) => Uint8Array.from(Buffer.from(text.slice(2), 'hex')),
}

/** Types as the catalog wants them, for pg. */
export const catalogTypes: pg.CustomTypesConfig = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    (format === 'binary' ? undefined : PARSERS[oid]) ?? pg.types.getTypeParser(oid, format),
}

function wholeNumber(text: string): number {
  const value = Number(text)
  if (Number.isSafeInteger(value)) return value
  throw new StorageError(`the catalog has a number that is not exact here: ${text.slice(0, 40)}`)
}
