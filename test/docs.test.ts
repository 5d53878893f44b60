import { existsSync, readFileSync } from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import * as diskLimits from '../src/core/disk-limits.ts'
import { ERROR_TABLE } from '../src/core/errors.ts'
import * as limits from '../src/core/limits.ts'
import * as registryLimits from '../src/core/registry-limits.ts'
import { DEFAULT_HOST_LIMITS } from '../src/p2p/host-limits.ts'
import { none, trackedFiles } from './fixtures/tidy.ts'

const test = suite('docs')

test('docs/errors.md lists the errors as they are', () => {
  const rows = [
    ...readFileSync('docs/errors.md', 'utf8').matchAll(/^\| `(E_\w+)` \| (\d+) \| (\d+) \| (.+) \|$/gm),
  ]
  const documented = rows.map(([, code, http, exit, meaning]) => `${code} ${http} ${exit} ${meaning}`)
  const real = Object.entries(ERROR_TABLE).map(
    ([code, { http, exit, meaning }]) => `${code} ${http} ${exit} ${meaning}`,
  )
  assert.equal(documented, real)
})

test('docs/limits.md lists the limits as they are', () => {
  const rows = [...readFileSync('docs/limits.md', 'utf8').matchAll(/^\| `([A-Z0-9_]+)` \| ([\d,.]+) \|/gm)]
  const documented = rows.map(([, name, value]) => `${name} ${value?.replaceAll(',', '')}`)
  const real = Object.entries({ ...limits, ...diskLimits, ...registryLimits }).map(
    ([name, value]) => `${name} ${value}`,
  )
  none(
    real.filter((line) => !documented.includes(line)),
    'npm run docs writes them',
  )
  none(
    documented.filter((line) => !real.includes(line)),
    'npm run docs removes them',
  )
})

test('docs/limits.md lists the limits of the libp2p host as they are', () => {
  const page = readFileSync('docs/limits.md', 'utf8')
  const rows = [...page.matchAll(/^\| `([a-z]\w+)` \| ([\d,.]+) \| .{10,} \|$/gm)]
  const documented = rows.map(([, name, value]) => `${name} ${value?.replaceAll(',', '')}`)
  const real = Object.entries(DEFAULT_HOST_LIMITS).map(([name, value]) => `${name} ${value}`)
  assert.equal(documented.sort(), real.sort(), 'npm run docs writes them')
})

test('docs/dependencies.md gives a reason for every dependency', () => {
  const rows = [...readFileSync('docs/dependencies.md', 'utf8').matchAll(/^\| `([^`]+)` \| .{10,}\|$/gm)]
  const { dependencies, devDependencies } = JSON.parse(readFileSync('package.json', 'utf8'))
  const real = [...Object.keys(dependencies), ...Object.keys(devDependencies)].sort()
  assert.equal(rows.map(([, name]) => name).sort(), real)
})

test('the threat model names tests that exist', () => {
  const named = [...readFileSync('docs/threat-model.md', 'utf8').matchAll(/`([\w/-]+)` “([^”]*)”/g)]
  assert.ok(named.length > 50)
  const missing = named.filter(([, path, title = '']) => {
    const file = `test/${path}.test.ts`
    if (!existsSync(file)) return true
    const text = readFileSync(file, 'utf8').replaceAll("\\'", "'")
    return (
      !["'", '"', '`'].some((quote) => text.includes(`(${quote}${title}${quote}`)) &&
      !text.includes(`  '${title}',\n`)
    )
  })
  none(
    missing.map(([, path, title]) => `${path} “${title}”`),
    'name the test that shows it now',
  )
  const citations = readFileSync('docs/threat-model.md', 'utf8').split('“').length - 1
  assert.is(citations, named.length, 'every quotation is one of a test')
})

test('links between documents lead somewhere', () => {
  const broken: string[] = []
  for (const path of trackedFiles().filter((name) => name.endsWith('.md'))) {
    for (const [, target = ''] of readFileSync(path, 'utf8').matchAll(
      /\]\((?!https?:|mailto:|#)([^)#\s]+)[^)]*\)/g,
    )) {
      const at = new URL(target, `file:///${path}`).pathname.slice(1)
      if (!existsSync(at)) broken.push(`${path} links to ${target}`)
    }
  }
  none(broken, 'mend the link')
})

test('the contributor guide and the architecture agree on the ranks', () => {
  const ranksOf = (path: string) =>
    [...readFileSync(path, 'utf8').matchAll(/^rank (\d) +((?:[a-z0-9/]+ )*[a-z0-9/]+)/gm)].map(
      ([, rank, folders]) => `${rank} ${folders}`,
    )
  assert.is(ranksOf('CONTRIBUTING.md').length, 6)
  assert.equal(ranksOf('CONTRIBUTING.md'), ranksOf('docs/architecture.md'))
})

test.run()
