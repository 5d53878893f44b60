import { readFileSync } from 'node:fs'
import { findPackageJSON } from 'node:module'
import { InternalError } from '../core/errors.ts'

/** Version of this package, from its package.json; works from sources and from dist/. */
export function packageVersion(): string {
  const path = findPackageJSON('..', import.meta.url)
  if (path === undefined) throw new InternalError('package.json is missing')
  const { version } = JSON.parse(readFileSync(path, 'utf8')) as { version: string }
  return version
}
