/** Values of one statement: SQLite takes 32,766 in all. */
export const VALUES_PER_QUERY = 1024

/** Filled up to one of a few lengths, so that there are few statements to prepare. */
export function padded<T>(values: readonly T[], filling: T): T[] {
  let length = 1
  while (length < values.length) length *= 4
  return [...values, ...Array<T>(length - values.length).fill(filling)]
}
