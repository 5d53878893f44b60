import { mkdir, symlink } from 'node:fs/promises'
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

test.run()
