/** Writes the manual pages of every command and configuration file; `npm run man -- [--dir DIRECTORY]` (man, beside package.json). */
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { packageVersion } from '../../src/util/package-version.ts'
import { commandPages } from './command-pages.ts'
import { configPages } from './config-pages.ts'

const own = join(import.meta.dirname, '../../man')
const { values } = parseArgs({ options: { dir: { type: 'string' } } })
const dir = values.dir === undefined ? own : resolve(values.dir)
// Pages of commands that are gone would stay; a directory that others use is not ours to empty.
if (dir === own) await rm(own, { recursive: true, force: true })
const version = packageVersion()
const pages = [...commandPages({ version }), ...configPages({ version })]
for (const { file, text } of pages) {
  const chapter = join(dir, `man${file.at(-1)}`)
  await mkdir(chapter, { recursive: true })
  await writeFile(join(chapter, file), text)
}
process.stdout.write(`${pages.length} manual pages in ${dir}\n`)
