import { readFileSync } from 'node:fs'
import { dirname } from 'node:path/posix'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { forbiddenIn, foreignWordsIn } from '../scripts/tidy/forbidden.ts'
import { functionsOf } from '../scripts/tidy/functions.ts'
import { importCycles, importsOf, rankViolations } from '../scripts/tidy/imports.ts'
import { readSourceFiles } from '../scripts/tidy/source-files.ts'
import { none, trackedFiles } from './fixtures/tidy.ts'

const test = suite('tidy')
const files = readSourceFiles()
/** What runs at a site. */
const product = files.filter(({ path }) => /^(src|node|tracker)\//.test(path))
const notTests = files.filter(({ path }) => !path.startsWith('test/'))

/** Modules that give others functions of the form that these ask for. */
const FORM_OF_OTHERS = new Set(['src/p2p/noise-crypto.ts'])

function shareBelow(figures: readonly number[], bound: number): number {
  return figures.filter((figure) => figure < bound).length / figures.length
}

test('a folder imports only itself and folders of lower rank', () => {
  none(rankViolations(files), 'see CONTRIBUTING.md for the ranks')
})

test('no module is part of an import cycle, types included', () => {
  none(importCycles(files), 'move what both need into a module of its own')
})

test('files are short: median under 100 lines, 90 % under 300, none over 500', () => {
  const lines = files.map((file) => file.lines)
  none(
    files.filter((file) => file.lines > 500).map(({ path, lines }) => `${path} has ${lines} lines`),
    'cut it in two',
  )
  assert.ok(shareBelow(lines, 100) >= 0.5, 'half of the files have fewer than 100 lines')
  assert.ok(shareBelow(lines, 300) >= 0.9, '90 % of the files have fewer than 300 lines')
})

test('functions are short: most under 30 lines, none over 70', () => {
  const functions = notTests.flatMap(functionsOf)
  none(
    functions.filter(({ lines }) => lines > 70).map(({ place, lines }) => `${place} has ${lines} lines`),
    'name its parts',
  )
  const share = shareBelow(
    functions.map(({ lines }) => lines),
    30,
  )
  assert.ok(share >= 0.95, '95 % of the functions have fewer than 30 lines')
})

test('a file of routes has schemas, then handlers, then their registration', () => {
  const routes = product.filter(({ text }) => /: Registration = /.test(text))
  const folder = product.filter(
    ({ path }) => path.startsWith('tracker/routes/') && !path.endsWith('/answers.ts'),
  )
  const lastOf = (text: string, pattern: RegExp) =>
    Math.max(-1, ...[...text.matchAll(pattern)].map(({ index }) => index))
  const inOrder = ({ text }: { text: string }) => {
    const registration = text.search(/^export const \w+: Registration = /m)
    const handlers = text.search(/^const \w+: Handler</m)
    const isSplit = lastOf(text, /^const \w+Schema\b/gm) < handlers && handlers < registration
    const inlined = /app\.route\(\{[^}]*(schema: \{|handler: (async|\())/.test(text)
    return handlers >= 0 && isSplit && !inlined
  }
  none(
    [...folder.filter((file) => !routes.includes(file)), ...routes.filter((file) => !inOrder(file))].map(
      ({ path }) => path,
    ),
    'the form is that of tracker/http/route.ts',
  )
})

test('functions have at most three positional parameters', () => {
  const ours = notTests.filter(({ path }) => !FORM_OF_OTHERS.has(path))
  const long = ours.flatMap(functionsOf).filter(({ positionalParameters }) => positionalParameters > 3)
  none(
    long.map(({ place }) => place),
    'put the rest into an object',
  )
})

test('the product has no any, no non-null assertion, no default export, no console and no bare Error', () => {
  none(product.flatMap(forbiddenIn), 'see CONTRIBUTING.md')
})

test('names use the words of the glossary', () => {
  const named = [
    ...product,
    ...files.filter(({ path }) => path.startsWith('testnet/') && !path.includes('/peers/')),
  ]
  none(named.flatMap(foreignWordsIn), 'docs/glossary.md has the word')
})

test('files are named in kebab-case', () => {
  const bad = files
    .map(({ path }) => path)
    .filter((path) => !/^([a-z0-9-]+\/)+[a-z0-9-]+(\.test)?\.ts$/.test(path))
  none(bad, 'lower-case words with hyphens')
})

test('every module of the product stands in a folder that has tests', () => {
  const tests = new Set(files.map(({ path }) => path).filter((path) => path.endsWith('.test.ts')))
  const tested = new Set([...tests].map((path) => dirname(path).replace(/^test\//, '')))
  const hasSuites = (folder: string) => tested.has(folder.replace(/^src\//, ''))
  const untested = product.filter(({ path }) => !hasSuites(dirname(path)))
  none(
    untested.map(({ path }) => path),
    'test/ mirrors the tree',
  )
})

test('every file that stands beside the tests is used by one', () => {
  const used = new Set(files.flatMap(importsOf))
  const helpers = files.filter(({ path }) => path.startsWith('test/') && !path.endsWith('.test.ts'))
  const idle = helpers.filter(
    ({ path, text }) => !used.has(path) && !text.includes('process.argv') && !path.includes('-worker'),
  )
  none(
    idle.map(({ path }) => path),
    'remove it',
  )
})

test('texts speak of no machine that they were written on', () => {
  const found: string[] = []
  for (const path of trackedFiles().filter((name) => /\.(ts|js|md|json|ya?ml|sh)$|run$/.test(name))) {
    if (path === 'package-lock.json' || path === 'test/tidy.test.ts') continue
    const lines = readFileSync(path, 'utf8').split('\n')
    for (const [i, line] of lines.entries()) {
      if (/\/(home|Users|work|root)\/[a-z]/.test(line)) found.push(`${path}:${i + 1} ${line.trim()}`)
    }
  }
  none(found, 'use a path that exists everywhere')
})

test.run()
