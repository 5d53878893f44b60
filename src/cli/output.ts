import { type Command, Option } from 'commander'
import { stringify } from 'yaml'
import type { Shell } from './shell.ts'
import { type Column, formatTable } from './table.ts'
import { printable } from './units.ts'

export const FORMATS = ['table', 'json', 'yaml', 'name'] as const
export type Format = (typeof FORMATS)[number]

export interface FormatFlags {
  readonly format: Format
}

/** How a list of `Row` looks to people (`columns`) and to scripts that want names alone. */
export interface ListView<Row> {
  readonly columns: readonly Column<Row>[]
  readonly name: (row: Row) => string
}

/** How one thing looks. Its JSON and YAML are the thing itself. */
export interface ItemView<Item> {
  readonly text: (item: Item) => string
  readonly name: (item: Item) => string
}

export function addFormatOption(command: Command): Command {
  return command.addOption(
    new Option('-o, --format <format>', 'how data is printed').choices(FORMATS).default('table'),
  )
}

/** Prints a list on standard output; nothing but the titles when it is empty. */
export function printList<Row>(shell: Shell, rows: readonly Row[], view: ListView<Row> & FormatFlags): void {
  shell.terminal.stdout.write(
    asData(rows, view.format) ??
      (view.format === 'name'
        ? rows.map((row) => `${printable(view.name(row))}\n`).join('')
        : formatTable(view.columns, rows)),
  )
}

/** Prints one thing on standard output. */
export function printItem<Item>(shell: Shell, item: Item, view: ItemView<Item> & FormatFlags): void {
  shell.terminal.stdout.write(
    asData(item, view.format) ??
      (view.format === 'name' ? `${printable(view.name(item))}\n` : view.text(item)),
  )
}

function asData(value: unknown, format: Format): string | undefined {
  if (format === 'json') return `${JSON.stringify(value, undefined, 2)}\n`
  if (format === 'yaml') return stringify(value)
  return undefined
}
