import { mkdtempSync } from 'node:fs'
import { rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { formatBytes } from '../../src/cli/units.ts'
import { ERROR_TABLE, NotFoundError, UsageError } from '../../src/core/errors.ts'
import { namespacesLack } from '../arena/ip.ts'
import { compare } from '../compare/compare.ts'
import type { Conditions } from '../compare/report.ts'
import { reportText, verdictOf } from '../compare/table.ts'
import { writeReport } from '../compare/write-report.ts'
import { plainLog } from '../console.ts'
import { guard } from '../guard.ts'
import { changedCopy } from '../images/changed-copy.ts'
import { writeRandomFile } from '../images/random-file.ts'
import { contestantsOf } from '../peers/contestants.ts'
import { type ArenaFlags, topologyOf } from './arena-flags.ts'

export interface CompareFlags extends ArenaFlags {
  readonly runs: number
  readonly systems?: readonly string[]
  readonly image?: string
  readonly update?: boolean
  readonly first?: string
  readonly second?: string
  readonly out?: string
}

interface Images {
  readonly file: string
  readonly previous: string | undefined
  /** In words. */
  readonly image: string
}

/** Compares systems; returns the exit code: 6 when a file differs, 1 when a system failed. */
export async function compareSystems(flags: CompareFlags): Promise<number> {
  checkFlags(flags)
  const systems = contestantsOf(flags.systems)
  const log = plainLog((text) => process.stderr.write(text))
  const dir = mkdtempSync(join(tmpdir(), 'bs-compare-'))
  const release = guard({ dir, processes: () => [] })
  try {
    const images = await imagesOf(flags, dir)
    const conditions = await conditionsOf(flags, images)
    const topology = topologyOf(flags)
    const report = await compare({ conditions, topology, systems, runs: flags.runs, ...images, log })
    if (flags.json === true) process.stdout.write(`${JSON.stringify(report)}\n`)
    const out = flags.json === true ? process.stderr : process.stdout
    out.write(`\n${reportText(report)}`)
    if (flags.out !== undefined) {
      const paths = await writeReport(report, resolve(flags.out))
      log.info({ files: paths.join(' ') }, 'written')
    }
    const verdicts = report.systems.map((system) => verdictOf(system, flags.nodes))
    if (verdicts.some((verdict) => verdict.endsWith('DIFFER'))) return ERROR_TABLE.E_INTEGRITY.exit
    return report.systems.every(({ failure }) => failure === undefined) ? 0 : 1
  } finally {
    await rm(dir, { recursive: true, force: true, maxRetries: 3 })
    release()
  }
}

function checkFlags(flags: CompareFlags): void {
  const { update, first, second, image, racks, uplink, nodes } = flags
  if ((first === undefined) !== (second === undefined))
    throw new UsageError('--first and --second go together')
  if (first !== undefined && update !== true) throw new UsageError('--first and --second are for --update')
  if (image !== undefined && update === true) throw new UsageError('--update takes --first and --second')
  if (racks === 1 && uplink !== undefined) throw new UsageError('--uplink is for several --racks')
  if (racks > nodes) throw new UsageError(`${nodes} nodes cannot fill ${racks} racks`)
}

async function imagesOf(flags: CompareFlags, dir: string): Promise<Images> {
  const { update, first, second, image, size, seed } = flags
  if (first !== undefined && second !== undefined) {
    const [previous, file] = await Promise.all([existing(first), existing(second)])
    return { file, previous, image: `${second}, where each node has ${first}` }
  }
  if (image !== undefined) return { file: await existing(image), previous: undefined, image }
  const random = join(dir, 'image')
  await writeRandomFile(random, { sizeBytes: size, seed })
  if (update !== true) return { file: random, previous: undefined, image: 'bytes that do not compress' }
  const changed = join(dir, 'changed')
  const { changedBytes } = await changedCopy({ source: random, target: changed, seed })
  const what = `${formatBytes(changedBytes)} of what each node has overwritten, in extents of 4 to 512 KiB`
  return { file: changed, previous: random, image: what }
}

async function existing(path: string): Promise<string> {
  const full = resolve(path)
  const found = await stat(full).catch(() => undefined)
  if (found?.isFile() !== true) throw new NotFoundError(`there is no file ${full}`)
  return full
}

async function conditionsOf(flags: CompareFlags, { file, image }: Images): Promise<Conditions> {
  const { nodes, rate, racks, uplink, update = false, seed, loopback } = flags
  return {
    arena: loopback === true || namespacesLack() !== undefined ? 'loopback' : 'namespaces',
    ...{ nodes, rateBitsPerSecond: rate, racks, uplinkBitsPerSecond: uplink },
    ...{ imageBytes: (await stat(file)).size, image, update, seed },
  }
}
