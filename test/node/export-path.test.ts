import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { checkExportPath } from '../../node/export-path.ts'
import { withScratch } from '../fixtures/scratch.ts'

const test = suite('export path')

async function codeOf(promise: Promise<unknown>): Promise<string | undefined> {
  return promise.then(
    () => undefined,
    (error: { code?: string }) => error.code,
  )
}

test('takes files inside the export directories', () =>
  withScratch(async (dir) => {
    await mkdir(join(dir, 'exports', 'deep'), { recursive: true })
    const allowed = [join(dir, 'missing'), join(dir, 'exports')]
    assert.is(await checkExportPath(join(dir, 'exports', 'a.img'), allowed), join(dir, 'exports', 'a.img'))
    const deep = join(dir, 'exports', 'deep', 'a.img')
    assert.is(await checkExportPath(deep, allowed), deep)
  }))

test('refuses everything else, also through links and dots', () =>
  withScratch(async (dir) => {
    await mkdir(join(dir, 'exports'))
    await mkdir(join(dir, 'exports-not'))
    await symlink(dir, join(dir, 'exports', 'out'))
    const allowed = [join(dir, 'exports')]
    const check = (path: string) => codeOf(checkExportPath(path, allowed))
    assert.is(await check(join(dir, 'a.img')), 'E_NOT_AUTHORISED')
    assert.is(await check(`${dir}/exports/../a.img`), 'E_NOT_AUTHORISED')
    assert.is(await check(join(dir, 'exports', 'out', 'a.img')), 'E_NOT_AUTHORISED')
    assert.is(await check(join(dir, 'exports-not', 'a.img')), 'E_NOT_AUTHORISED')
    assert.is(await check(join(dir, 'exports', 'none', 'a.img')), 'E_NOT_FOUND')
    assert.is(await check('a.img'), 'E_INVALID')
    assert.is(await check(`${join(dir, 'exports')}/`), 'E_INVALID')
    assert.is(await check(`${join(dir, 'exports')}/a\0b`), 'E_INVALID')
  }))

test('refuses a link in an export directory that leads to a file outside', () =>
  withScratch(async (dir) => {
    const exports = join(dir, 'exports')
    await mkdir(exports)
    await writeFile(join(dir, 'precious'), 'x')
    await writeFile(join(exports, 'a.img'), 'x')
    for (const [name, target] of [
      ['out', join(dir, 'precious')],
      ['in', join(exports, 'a.img')],
      ['nowhere', join(dir, 'nothing')],
    ] as const) {
      await symlink(target, join(exports, name))
    }
    assert.is(await codeOf(checkExportPath(join(exports, 'out'), [exports])), 'E_NOT_AUTHORISED')
    assert.is(await checkExportPath(join(exports, 'in'), [exports]), join(exports, 'a.img'))
    assert.is(await checkExportPath(join(exports, 'nowhere'), [exports]), join(exports, 'nowhere'))
  }))

test.run()
