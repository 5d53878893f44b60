import { globSync, readFileSync } from 'node:fs'
import ts from 'typescript'

/** Folders that hold TypeScript. */
export const FOLDERS = ['src', 'node', 'tracker', 'testnet', 'scripts', 'test']

export interface SourceFile {
  /** From the top of the repository, with forward slashes. */
  readonly path: string
  readonly text: string
  readonly lines: number
  readonly tree: ts.SourceFile
}

/** Every TypeScript file of the repository, parsed, without types. */
export function readSourceFiles(): SourceFile[] {
  return FOLDERS.flatMap((folder) => globSync(`${folder}/**/*.ts`))
    .sort()
    .map((path) => {
      const text = readFileSync(path, 'utf8')
      const tree = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
      return { path, text, lines: text.split('\n').length - 1, tree }
    })
}

/** Calls `visit` for every node of a tree. */
export function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node)
  ts.forEachChild(node, (child) => walk(child, visit))
}

/** `path:line` of a node, for messages that editors can follow. */
export function placeOf(file: SourceFile, node: ts.Node): string {
  const { line } = file.tree.getLineAndCharacterOfPosition(node.getStart(file.tree))
  return `${file.path}:${line + 1}`
}
