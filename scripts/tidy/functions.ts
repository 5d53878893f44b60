import ts from 'typescript'
import { placeOf, type SourceFile, walk } from './source-files.ts'

export interface FunctionShape {
  /** `path:line name`. */
  readonly place: string
  /** From the first line of its head to its last brace. */
  readonly lines: number
  readonly positionalParameters: number
}

/** Functions and methods of a file that have a body. */
export function functionsOf(file: SourceFile): FunctionShape[] {
  const found: FunctionShape[] = []
  walk(file.tree, (node) => {
    if (!ts.isFunctionLike(node) || !('body' in node) || node.body === undefined) return
    const lineAt = (position: number) => file.tree.getLineAndCharacterOfPosition(position).line
    const name = node.name === undefined ? '' : ` ${node.name.getText(file.tree)}`
    found.push({
      place: `${placeOf(file, node)}${name}`,
      lines: lineAt(node.end) - lineAt(node.getStart(file.tree)) + 1,
      positionalParameters: node.parameters.filter((parameter) => !isThis(parameter)).length,
    })
  })
  return found
}

/** `this` as a parameter is a type, not a parameter. */
function isThis(parameter: ts.ParameterDeclaration): boolean {
  return ts.isIdentifier(parameter.name) && parameter.name.text === 'this'
}
