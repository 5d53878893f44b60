import ts from 'typescript'
import { placeOf, type SourceFile, walk } from './source-files.ts'

/** Words that the glossary replaces, as they would stand in names: the word of ours is in docs/glossary.md. */
const FOREIGN_WORDS =
  /^(torrent|seeders?|leechers?|infohash|cloudlet|pieces?Map|tenants?)$|(Torrent|Seeder|Leecher|Tenant)/

/** `path:line what` of everything in a file that the house rules forbid in src/, node/ and tracker/. */
export function forbiddenIn(file: SourceFile): string[] {
  const found: string[] = []
  walk(file.tree, (node) => {
    const what = forbidden(node)
    if (what !== undefined) found.push(`${placeOf(file, node)} ${what}`)
  })
  return found
}

function forbidden(node: ts.Node): string | undefined {
  if (node.kind === ts.SyntaxKind.AnyKeyword) return 'any'
  if (ts.isNonNullExpression(node)) return 'non-null assertion'
  if (ts.isExportAssignment(node) || isDefaultExport(node)) return 'default export'
  if (ts.isPropertyAccessExpression(node) && node.expression.getText() === 'console') return 'console'
  if (ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined && node.exportClause === undefined) {
    return 'barrel: export * from elsewhere'
  }
  if (isBareError(node)) return 'bare Error: use a class of src/core/errors.ts'
  return isWorkerByExtension(node)
    ? 'URL of a .ts file: use workerModule, which works in dist/ too'
    : undefined
}

function isDefaultExport(node: ts.Node): boolean {
  if (!ts.canHaveModifiers(node)) return false
  return ts.getModifiers(node)?.some(({ kind }) => kind === ts.SyntaxKind.DefaultKeyword) ?? false
}

function isBareError(node: ts.Node): boolean {
  if (!ts.isThrowStatement(node) || node.expression === undefined) return false
  return ts.isNewExpression(node.expression) && node.expression.expression.getText() === 'Error'
}

function isWorkerByExtension(node: ts.Node): boolean {
  if (!ts.isNewExpression(node) || node.expression.getText() !== 'URL') return false
  const [first] = node.arguments ?? []
  return first !== undefined && ts.isStringLiteral(first) && first.text.endsWith('.ts')
}

/** Names declared in a file that use a word which the glossary replaces. */
export function foreignWordsIn(file: SourceFile): string[] {
  const found: string[] = []
  walk(file.tree, (node) => {
    const name = ts.isIdentifier(node) && isDeclaredName(node) ? node.text : undefined
    if (name !== undefined && FOREIGN_WORDS.test(name)) found.push(`${placeOf(file, node)} ${name}`)
  })
  return found
}

function isDeclaredName(node: ts.Identifier): boolean {
  return 'name' in node.parent && node.parent.name === node
}
