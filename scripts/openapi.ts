/** Writes docs/openapi.json from the schemas of the tracker's routes. `--check` only says whether it is up to date. */
import { readFile, writeFile } from 'node:fs/promises'
import { openApiText } from '../tracker/openapi-text.ts'

const path = new URL('../docs/openapi.json', import.meta.url)
const text = await openApiText()
if (!process.argv.includes('--check')) {
  await writeFile(path, text)
} else if ((await readFile(path, 'utf8').catch(() => '')) !== text) {
  process.stderr.write('docs/openapi.json is not up to date: run node scripts/openapi.ts\n')
  process.exitCode = 1
}
