// deadline: 120 s
import { readFileSync, writeFileSync } from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { GridSite, type Ran } from '../fixtures/grid-site.ts'
import { noise } from '../fixtures/noise.ts'
import { missingPrograms, testsThatNeed } from '../fixtures/programs.ts'

/** Bytes of images with the clients that people have, and a proxy. */
const test = suite('clients of raw images')
const lack = missingPrograms('openssl', 'grid-proxy-init', 'curl')
const withCurl = testsThatNeed(test, lack)
const withWget = testsThatNeed(test, lack ?? missingPrograms('wget'))

const bytes = Buffer.concat([noise('head', 3_000_000), Buffer.alloc(1_000_000), noise('tail', 1_000_001)])
let site: GridSite
let url: string
let proxy: string

test.before(async () => {
  if (lack !== undefined) return
  site = new GridSite()
  url = await site.start()
  proxy = await site.proxy('x509up', '-rfc')
  writeFileSync(site.tree.path('disk.img'), bytes)
})
test.after(async () => {
  await site?.remove()
})

const path = (name: string) => site.tree.path(name)
const slot = (name: string) => curl(proxy, '-d', `name=${name}`, `${url}/api/images`)

function curl(identity: string, ...args: readonly string[]): Promise<Ran> {
  const tls = ['--cert', identity, '--key', identity, '--capath', site.certificates.dir]
  return site.run('curl', '--silent', '--show-error', '--noproxy', '*', ...tls, ...args)
}

withCurl('curl -T puts an image, and -C goes on with one', async () => {
  await slot('disk')
  const code = ['-o', path('answer'), '-w', '%{http_code}']
  const put = await curl(proxy, ...code, '-T', path('disk.img'), `${url}/api/images/raw/disk`)
  assert.equal([put.stdout, put.code, readFileSync(path('answer'), 'utf8')], ['200', 0, ''], put.stderr)
  const first = await curl(
    ...[proxy, ...code, '-X', 'PUT', '--data-binary', `@${path('disk.img')}`, '-H', 'Expect: 100-continue'],
    `${url}/api/images/raw/disk`,
  )
  assert.is(first.stdout, '200')
  writeFileSync(path('first'), bytes.subarray(0, 1_234_567))
  const range = `Content-Range: bytes 0-1234566/${bytes.length}`
  const part = await curl(proxy, ...code, '-H', range, '-T', path('first'), `${url}/api/images/raw/disk`)
  assert.is(part.stdout, '308')
  const asked = ['-D', '-', '-X', 'PUT', '-H', 'Content-Range: bytes */*', '-H', 'Content-Length: 0']
  const { stdout } = await curl(proxy, ...asked, `${url}/api/images/raw/disk`)
  assert.match(stdout, /^HTTP\/1\.1 308 /)
  const kept = Number(/^range: bytes=0-(\d+)/im.exec(stdout)?.[1]) + 1
  assert.is(kept, 1_234_567)
  const rest = await curl(
    ...[proxy, ...code, '-C', `${kept}`, '-T', path('disk.img'), `${url}/api/images/raw/disk`],
  )
  assert.is(rest.stdout, '200', rest.stderr)
  const image = JSON.parse((await curl(proxy, `${url}/api/images/disk`)).stdout) as { version: number }
  assert.is(image.version, 3)
  await curl(proxy, '--fail', '-o', path('back'), `${url}/api/images/raw/disk`)
  assert.ok(readFileSync(path('back')).equals(bytes))
})

withCurl('curl says that an upload failed', async () => {
  const put = await curl(proxy, '--fail', '-T', path('disk.img'), `${url}/api/images/raw/missing`)
  assert.is(put.code, 22)
  const limited = await site.proxy('limited', '-rfc', '-limited')
  const answer = await curl(limited, '-T', path('disk.img'), `${url}/api/images/raw/disk`)
  assert.match(answer.stdout, /limited proxy/)
  const got = await curl(limited, '--fail', '-o', path('limited.img'), `${url}/api/images/raw/disk`)
  assert.is(got.code, 0, got.stderr)
  assert.ok(readFileSync(path('limited.img')).equals(bytes))
})

withCurl('curl -C - goes on with a download', async () => {
  writeFileSync(path('part'), bytes.subarray(0, 2_000_000))
  const { code, stderr } = await curl(
    ...[proxy, '--fail', '-C', '-', '-o', path('part'), `${url}/api/images/raw/disk`],
  )
  assert.is(code, 0, stderr)
  assert.ok(readFileSync(path('part')).equals(bytes))
})

withWget('wget gets an image, and -c goes on with one', async () => {
  const files = [`--certificate=${proxy}`, `--private-key=${proxy}`]
  const tls = [...files, `--ca-directory=${site.certificates.dir}`, '--no-proxy', '-q']
  const address = `${url}/api/images/raw/xen/disk`
  const whole = await site.run('wget', ...tls, '-O', path('wget.img'), address)
  assert.is(whole.code, 0, whole.stderr)
  assert.ok(readFileSync(path('wget.img')).equals(bytes))
  writeFileSync(path('wget.part'), bytes.subarray(0, 999_999))
  const rest = await site.run('wget', ...tls, '-c', '-O', path('wget.part'), address)
  assert.is(rest.code, 0, rest.stderr)
  assert.ok(readFileSync(path('wget.part')).equals(bytes))
})

test.run()
