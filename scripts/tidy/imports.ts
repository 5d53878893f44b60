import { dirname, join } from 'node:path/posix'
import ts from 'typescript'
import { type SourceFile, walk } from './source-files.ts'

/** Folders by rank; within a rank nobody imports another, except that src/core and src/util may. */
const RANKS: readonly (readonly string[])[] = [
  ['src/core', 'src/util'],
  ['src/identity', 'src/image', 'src/store', 'src/wire', 'src/api'],
  ['src/exchange', 'src/routing', 'src/p2p'],
  ['src/cli'],
  ['node', 'tracker'],
  ['testnet', 'scripts'],
  ['test'],
]

/** Paths of the repository that a file imports, types included. */
export function importsOf(file: SourceFile): string[] {
  const found = new Set<string>()
  walk(file.tree, (node) => {
    const specifier = specifierOf(node)
    if (specifier?.startsWith('.')) found.add(join(dirname(file.path), specifier))
  })
  return [...found]
}

function specifierOf(node: ts.Node): string | undefined {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) {
    const { moduleSpecifier } = node
    return moduleSpecifier !== undefined && ts.isStringLiteral(moduleSpecifier)
      ? moduleSpecifier.text
      : undefined
  }
  const isDynamic = ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword
  const [first] = isDynamic ? node.arguments : []
  return first !== undefined && ts.isStringLiteral(first) ? first.text : undefined
}

/** `a imports b` for every import that a rank forbids, and every file that stands in no folder with a rank. */
export function rankViolations(files: readonly SourceFile[]): string[] {
  const violations: string[] = []
  for (const file of files) {
    const from = placeInRanks(file.path)
    if (from === undefined) violations.push(`${file.path} is in no folder that has a rank`)
    for (const path of importsOf(file)) {
      const to = placeInRanks(path)
      if (from !== undefined && to !== undefined && !mayImport(from, to))
        violations.push(`${file.path} imports ${path}`)
    }
  }
  return violations
}

interface Place {
  readonly rank: number
  readonly folder: string
}

function placeInRanks(path: string): Place | undefined {
  for (const [rank, folders] of RANKS.entries()) {
    const folder = folders.find((name) => path.startsWith(`${name}/`))
    if (folder !== undefined) return { rank, folder }
  }
  return undefined
}

function mayImport(from: Place, to: Place): boolean {
  const together =
    from.rank === 0 || from.folder === to.folder || (from.folder === 'scripts' && to.folder === 'testnet')
  return to.rank < from.rank || (to.rank === from.rank && together)
}

/** Every import cycle, types included, as `a → b → a`. */
export function importCycles(files: readonly SourceFile[]): string[] {
  const edges = new Map(files.map((file) => [file.path, importsOf(file)]))
  const done = new Set<string>()
  const trail: string[] = []
  const cycles: string[] = []
  const visit = (path: string) => {
    const at = trail.indexOf(path)
    if (at >= 0) cycles.push([...trail.slice(at), path].join(' → '))
    if (at >= 0 || done.has(path)) return
    trail.push(path)
    for (const next of edges.get(path) ?? []) visit(next)
    trail.pop()
    done.add(path)
  }
  for (const path of edges.keys()) visit(path)
  return cycles
}
