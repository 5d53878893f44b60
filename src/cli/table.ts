import { printable } from './units.ts'

export interface Column<Row> {
  readonly title: string
  readonly cell: (row: Row) => string
  /** Figures stand at the right. */
  readonly right?: boolean
}

/** Rows under upper-case titles, two spaces between columns, no lines: easy to read, easy to cut with awk. */
export function formatTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const cells = rows.map((row) => columns.map(({ cell }) => printable(cell(row)) || '-'))
  const lines = [columns.map(({ title }) => title.toUpperCase()), ...cells]
  const widths = columns.map((_, i) => Math.max(...lines.map((line) => (line[i] ?? '').length)))
  const pad = (text: string, i: number) => {
    const width = widths[i] ?? 0
    return columns[i]?.right === true ? text.padStart(width) : text.padEnd(width)
  }
  return lines.map((line) => `${line.map(pad).join('  ').trimEnd()}\n`).join('')
}

/** `name  value` lines of one thing; a value of several lines is indented. Undefined values are left out. */
export function formatFacts(facts: readonly (readonly [string, string | undefined])[]): string {
  const width = Math.max(0, ...facts.map(([name]) => name.length))
  return facts
    .flatMap(([name, value]) => (value === undefined ? [] : [`${name.padEnd(width)}  ${printable(value)}\n`]))
    .join('')
}
