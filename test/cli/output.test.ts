import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { parse } from 'yaml'
import { type Format, printItem, printList } from '../../src/cli/output.ts'
import { formatFacts } from '../../src/cli/table.ts'
import { testShell } from '../fixtures/cli.ts'

const test = suite('output')

interface Row {
  name: string
  size: number
}

const rows: Row[] = [
  { name: 'a', size: 5 },
  { name: 'long\x1bname', size: 12345 },
]

function listed(format: Format, list = rows): string {
  const shell = testShell()
  printList(shell, list, {
    format,
    columns: [
      { title: 'name', cell: ({ name }) => name },
      { title: 'size', cell: ({ size }) => String(size), right: true },
    ],
    name: ({ name }) => name,
  })
  assert.is(shell.terminal.stderr.text, '')
  return shell.terminal.stdout.text
}

test('a table has titles, columns that line up and figures at the right', () => {
  assert.is(listed('table'), 'NAME        SIZE\na              5\nlong?name  12345\n')
})

test('an empty table is its titles', () => {
  assert.is(listed('table', []), 'NAME  SIZE\n')
})

test('json and yaml are the data itself', () => {
  assert.equal(JSON.parse(listed('json')), rows)
  assert.equal(parse(listed('yaml')), rows)
})

test('names stand one on a line', () => {
  assert.is(listed('name'), 'a\nlong?name\n')
})

test('one thing is printed as text, data or its name', () => {
  const print = (format: Format) => {
    const shell = testShell()
    const view = { text: ({ size }: Row) => `size ${size}\n`, name: ({ name }: Row) => name }
    printItem(shell, { name: 'a', size: 1 }, { ...view, format })
    return shell.terminal.stdout.text
  }
  assert.is(print('table'), 'size 1\n')
  assert.is(print('name'), 'a\n')
  assert.equal(JSON.parse(print('json')), { name: 'a', size: 1 })
})

test('facts line up and leave out what is not known', () => {
  assert.is(
    formatFacts([
      ['a', '1'],
      ['long', '2\n3'],
      ['none', undefined],
    ]),
    'a     1\nlong  2?3\n',
  )
})

test.run()
