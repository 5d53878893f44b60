import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { bytesSvg } from '../plots/bytes.ts'
import { completionSvg } from '../plots/completion.ts'
import { curvesCsv, runsCsv } from './csv.ts'
import type { Report } from './report.ts'
import { reportText } from './table.ts'

/**
 * Writes `compare.json`, `compare.txt`, `runs.csv`, `curves.csv`, `completion.svg` and `bytes.svg`; gives their paths. Plots
 * are left out where no system has finished a run. Errors: StateError where plots cannot be drawn.
 */
export async function writeReport(report: Report, dir: string): Promise<string[]> {
  await mkdir(dir, { recursive: true })
  const paths: string[] = []
  const write = async (name: string, text: string) => {
    paths.push(join(dir, name))
    await writeFile(join(dir, name), text)
  }
  await write('compare.json', `${JSON.stringify(report, undefined, 1)}\n`)
  await write('compare.txt', reportText(report))
  await write('runs.csv', runsCsv(report))
  await write('curves.csv', curvesCsv(report))
  if (report.systems.some(({ runs }) => runs.length > 0)) {
    await write('completion.svg', await completionSvg(report))
    await write('bytes.svg', await bytesSvg(report))
  }
  return paths
}
