import { readFile } from 'node:fs/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { TRACKER_PATHS } from '../../src/api/tracker-paths.ts'
import { openApiText } from '../../tracker/openapi-text.ts'

const test = suite('openapi')

test('docs/openapi.json is what the routes say; node scripts/openapi.ts writes it', async () => {
  assert.is(await readFile(new URL('../../docs/openapi.json', import.meta.url), 'utf8'), await openApiText())
})

test('describes no path but those of the interface', async () => {
  const { paths } = JSON.parse(await openApiText()) as { paths: Record<string, unknown> }
  const known = new Set(Object.values(TRACKER_PATHS).map((path) => path.replace(/:([a-z]+)/g, '{$1}')))
  assert.equal(
    Object.keys(paths).filter((path) => !known.has(path)),
    [],
  )
})

test.run()
